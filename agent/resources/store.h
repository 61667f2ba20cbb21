// The resources in force on this node: the documents of a directory and those that `apply` stored. A bad
// document never takes its last good version out of force; it is reported until it is mended. What came from
// the directory is kept on disk as well, so that a start finds the last good set even if a file has been
// broken since.
//
// When two documents have the same kind, mesh and name, the one that apply stored wins, then the first file
// by name; the others are reported.
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "base/log.h"
#include "base/result.h"
#include "policy/document/resource.h"
#include "resources/document.h"

namespace sluice::agent {

struct StoreOptions {
  std::string resources_dir;
  std::string state_dir;
  std::size_t document_bytes = 1 << 20;  // of one file
  std::size_t resources = 50'000;
  policy::Dialect dialect = policy::Dialect::kuma_2;
};

// A document as the operator sees it.
struct StoredDocument {
  DocumentPtr document;
  bool applied = false;  // by apply, else from a file
  bool in_force = false;
  bool shadowed = false;  // apply stored a newer version of a file's document: no mistake, only a note
  std::string problem;    // why the newest text is not in force; empty when it is
};

class Store {
 public:
  Store(StoreOptions options, Log& log) : options_(std::move(options)), log_(log) {}

  // Loads what apply stored and the last good set of the directory, then the directory itself.
  Outcome<> open();
  // Reads the directory again. True when the set in force changed.
  bool rescan();

  policy::Dialect dialect() const { return options_.dialect; }
  const std::vector<policy::ResourcePtr>& in_force() const { return in_force_; }
  // What apply stored by key, then those of files.
  const std::vector<StoredDocument>& documents();
  // Documents and files whose newest text is not in force.
  std::size_t bad() const;
  const std::vector<std::string>& problems() const { return problems_; }
  // Of documents that are in force though a Lua script of theirs does not compile.
  std::vector<std::string> script_problems() const;
  // Why documents that apply stored are not valid (any more), and so not in force.
  std::vector<std::string> spoilt() const;

  // Would the set still be within its limits and free of duplicates with these? Changes nothing.
  Outcome<> admit(const std::vector<DocumentPtr>& documents) const;
  // Stores good documents durably and puts them into force: all or none, whatever dies in between.
  Outcome<> put(const std::vector<DocumentPtr>& documents);
  // Removes what apply stored; a Fault for what it did not.
  Outcome<> remove(const std::string& key);
  // The version in force; null when there is none.
  const StoredDocument* find(const std::string& key) const;

 private:
  struct File {
    std::string text;
    std::vector<DocumentPtr> good;  // in force, some perhaps from an earlier text
    std::vector<DocumentPtr> bad;   // of the newest text
    std::string unreadable;         // why its newest text could not be read
  };
  Outcome<> load_applied();
  Outcome<> load_last_good();
  bool read_directory();
  void take_text(File& file, const std::string& path, std::string text);
  void keep_last_good(const std::string& path, const File& file);
  void rebuild();
  void add(const DocumentPtr& document, bool applied);
  bool take_in(const DocumentPtr& document);
  bool take_out(const std::string& key);
  std::string applied_directory() const;
  std::string applied_path(const std::string& key) const;
  std::string last_good_path(const std::string& file) const;

  StoreOptions options_;
  Log& log_;
  struct Place {
    std::size_t document;  // in documents_
    std::size_t resource;  // in in_force_
  };
  std::map<std::string, File> files_;           // by path
  std::map<std::string, DocumentPtr> applied_;  // by key
  std::map<std::string, DocumentPtr> spoilt_;   // what apply stored and this version cannot take; by file
  bool in_order_ = true;                        // of documents_
  std::vector<StoredDocument> documents_;
  std::vector<policy::ResourcePtr> in_force_;
  std::unordered_map<std::string_view, Place> places_;  // of what is in force; keys are those of documents_
  std::unordered_set<std::string_view> contested_;      // keys that several documents have
  std::vector<std::string> problems_;
};

}  // namespace sluice::agent

#include "resources/store.h"

#include <sys/stat.h>

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include <fmt/format.h>

#include "resources/durable_file.h"
#include "resources/file_batch.h"

namespace sluice::agent {
namespace {

namespace fs = std::filesystem;

std::string file_name(const std::string& key) {
  return flat_name(key) + ".yaml";
}

bool is_document_file(const fs::path& path) {
  const auto name = path.filename().string();
  const auto extension = path.extension().string();
  return !name.starts_with('.') && (extension == ".yaml" || extension == ".yml" || extension == ".json");
}

// The document files of a directory by name, or why it cannot be read.
Outcome<std::vector<std::string>> list_files(const std::string& directory) {
  std::error_code error;
  std::vector<std::string> out;
  fs::directory_iterator entries(directory, error);
  for (; !error && entries != fs::directory_iterator(); entries.increment(error))
    if (is_document_file(entries->path())) out.push_back(entries->path().string());
  if (error == std::errc::no_such_file_or_directory) return out;
  if (error) return fault(fmt::format("cannot read {}: {}", directory, error.message()));
  std::ranges::sort(out);
  return out;
}

std::string first_error(const Document& document) {
  for (const auto& diagnostic : document.diagnostics.list())
    if (diagnostic.severity == policy::Severity::error) return diagnostic.text();
  return document.where + ": not a single valid document";
}

}  // namespace

std::string Store::applied_directory() const {
  return options_.state_dir + "/resources";
}

std::string Store::applied_path(const std::string& key) const {
  return applied_directory() + "/" + file_name(key);
}

std::string Store::last_good_path(const std::string& file) const {
  return options_.state_dir + "/last-good/" + flat_name(fs::path(file).filename().string()) + ".yaml";
}

Outcome<> Store::open() {
  for (const char* directory : {"/resources", "/last-good"})
    if (auto made = make_directory(options_.state_dir + directory, 0700); !made) return made;
  if (auto loaded = load_applied(); !loaded) return loaded;
  if (auto loaded = load_last_good(); !loaded) return loaded;
  read_directory();
  rebuild();
  return {};
}

Outcome<> Store::load_applied() {
  if (auto finished = finish_batch(applied_directory()); !finished) return finished;
  const auto files = list_files(applied_directory());
  if (!files) return std::unexpected(files.error());
  for (const auto& path : *files) {
    const auto text = read_bounded(path, options_.document_bytes);
    if (!text) return std::unexpected(text.error());
    for (auto& document : judge_stored(*text, path, options_.dialect)) {
      if (!document->resource) {
        // Written by us after it was judged good: another version of Sluice, or somebody's hand.
        log_.error("stored document is not valid and not in force: {}", first_error(*document));
        spoilt_.insert_or_assign(path, std::move(document));
        continue;
      }
      if (!document->script_problem.empty()) log_.error("{}", document->script_problem);
      applied_.insert_or_assign(document->key, std::move(document));
    }
  }
  return {};
}

Outcome<> Store::load_last_good() {
  const auto copies = list_files(options_.state_dir + "/last-good");
  if (!copies) return std::unexpected(copies.error());
  for (const auto& copy : *copies) {
    const auto text = read_bounded(copy, 2 * options_.document_bytes);
    if (!text) {
      log_.warn("last good copy is not used: {}", text.error().message);
      continue;
    }
    // The first line names the file it was taken from.
    const auto end = text->find('\n');
    if (!text->starts_with("# ") || end == std::string::npos) continue;
    File& file = files_[text->substr(2, end - 2)];
    for (auto& document : judge_stored(*text, copy, options_.dialect)) {
      if (!document->resource) continue;
      if (!document->script_problem.empty()) log_.error("{}", document->script_problem);
      file.good.push_back(std::move(document));
    }
  }
  return {};
}

bool Store::rescan() {
  if (!read_directory()) return false;
  rebuild();
  return true;
}

// True when a file's text is new.
bool Store::read_directory() {
  auto paths = list_files(options_.resources_dir);
  if (!paths) {
    log_.error("{}; what was in force stays", paths.error().message);
    return false;
  }
  bool changed = false;
  for (const auto& path : *paths) {
    auto text = read_bounded(path, options_.document_bytes);
    File& file = files_[path];
    if (!text) {
      changed |= file.unreadable != text.error().message;
      file.unreadable = text.error().message;
      continue;
    }
    if (file.unreadable.empty() && !file.text.empty() && file.text == *text) continue;
    take_text(file, path, std::move(*text));
    changed = true;
  }
  for (auto entry = files_.begin(); entry != files_.end();) {
    if (std::ranges::binary_search(*paths, entry->first)) {
      ++entry;
      continue;
    }
    if (auto removed = remove_durably(last_good_path(entry->first)); !removed)
      log_.warn("{}", removed.error().message);
    entry = files_.erase(entry);
    changed = true;
  }
  return changed;
}

void Store::take_text(File& file, const std::string& path, std::string text) {
  std::vector<DocumentPtr> good;
  std::vector<DocumentPtr> bad;
  std::set<std::string> fine;
  std::set<std::string> broken;
  bool nameless = false;
  for (auto& document : judge_documents(text, path, options_.dialect, false, file.good)) {
    (document->resource ? fine : broken).insert(document->key);
    nameless |= document->key.empty();
    if (!document->resource) log_.error("document is not in force: {}", first_error(*document));
    (document->resource ? good : bad).push_back(std::move(document));
  }
  for (auto& old : file.good)
    if (!fine.contains(old->key) && (nameless || broken.contains(old->key))) good.push_back(std::move(old));
  file.text = std::move(text);
  file.unreadable.clear();
  file.good = std::move(good);
  file.bad = std::move(bad);
  keep_last_good(path, file);
}

void Store::keep_last_good(const std::string& path, const File& file) {
  std::string text = "# " + path + "\n";
  for (const auto& document : file.good)
    text += "---\n" + document->text + (document->text.ends_with('\n') ? "" : "\n");
  // The copy only serves a later start, so a full disk must not keep a good file out of force.
  if (auto kept = write_durably({{last_good_path(path), text}}); !kept)
    log_.warn("no last good copy of {}: {}", path, kept.error().message);
}

void Store::add(const DocumentPtr& document, bool applied) {
  StoredDocument stored{document, applied, false, false, {}};
  if (const auto owner = places_.find(document->key); owner != places_.end()) {
    const auto& winner = *documents_[owner->second.document].document;
    stored.problem = fmt::format("{} is also defined at {}, which wins", document->key, winner.where);
    stored.shadowed = applied_.contains(document->key);
    contested_.insert(winner.key);
  } else if (in_force_.size() >= options_.resources) {
    stored.problem = fmt::format("more than {} resources; raise limits.resources", options_.resources);
  }
  stored.in_force = stored.problem.empty();
  if (stored.in_force) {
    places_.emplace(document->key, Place{documents_.size(), in_force_.size()});
    in_force_.push_back(document->resource);
  }
  documents_.push_back(std::move(stored));
}

const std::vector<StoredDocument>& Store::documents() {
  if (!in_order_) rebuild();
  return documents_;
}

// One document that apply stored, without a look at all the others. False: others are concerned.
bool Store::take_in(const DocumentPtr& document) {
  const auto found = places_.find(document->key);
  if (found == places_.end()) {
    if (in_force_.size() >= options_.resources) return false;
    add(document, true);
    in_order_ = false;
    return true;
  }
  if (!documents_[found->second.document].applied || contested_.contains(document->key)) return false;
  const auto place = found->second;
  places_.erase(found);
  documents_[place.document].document = document;
  in_force_[place.resource] = document->resource;
  places_.emplace(document->key, place);
  return true;
}

// The last one moves into its place.
bool Store::take_out(const std::string& key) {
  const auto found = places_.find(key);
  // Above the limit another one would come into force, and the last document must be one in force.
  if (found == places_.end() || contested_.contains(key) || in_force_.size() >= options_.resources ||
      !documents_.back().in_force)
    return false;
  const auto place = found->second;
  places_.erase(found);
  if (place.document + 1 != documents_.size()) {
    places_.at(documents_.back().document->key).document = place.document;
    documents_[place.document] = std::move(documents_.back());
  }
  documents_.pop_back();
  if (place.resource + 1 != in_force_.size()) {
    places_.at(in_force_.back()->key()).resource = place.resource;
    in_force_[place.resource] = std::move(in_force_.back());
  }
  in_force_.pop_back();
  in_order_ = false;
  return true;
}

void Store::rebuild() {
  in_order_ = true;
  documents_.clear();
  in_force_.clear();
  problems_.clear();
  places_.clear();
  contested_.clear();
  for (const auto& [key, document] : applied_) add(document, true);
  for (const auto& [path, document] : spoilt_)
    documents_.push_back({document, true, false, false, first_error(*document)});
  for (const auto& [path, file] : files_) {
    for (const auto& document : file.good) add(document, false);
    for (const auto& document : file.bad)
      documents_.push_back({document, false, false, false, first_error(*document)});
    if (!file.unreadable.empty())
      problems_.push_back(file.unreadable + "; its last good version stays in force");
  }
}

std::size_t Store::bad() const {
  const auto documents =
      std::ranges::count_if(documents_, [](const auto& d) { return !d.problem.empty() && !d.shadowed; });
  return static_cast<std::size_t>(documents) + problems_.size();
}

std::vector<std::string> Store::script_problems() const {
  std::vector<std::string> out;
  for (const auto& stored : documents_)
    if (stored.in_force && !stored.document->script_problem.empty())
      out.push_back(stored.document->script_problem);
  return out;
}

std::vector<std::string> Store::spoilt() const {
  std::vector<std::string> out;
  for (const auto& [path, document] : spoilt_) out.push_back(first_error(*document));
  return out;
}

Outcome<> Store::admit(const std::vector<DocumentPtr>& documents) const {
  std::set<std::string> keys;
  std::size_t fresh = 0;
  for (const auto& document : documents) {
    if (!keys.insert(document->key).second)
      return fault(fmt::format("{}: {} is defined twice", document->where, document->key),
                   "remove one of the two");
    if (document->text.size() > options_.document_bytes)
      return fault(
          fmt::format("{}: document is larger than {} KiB", document->where, options_.document_bytes / 1024),
          "raise limits.document_kib");
    if (find(document->key) == nullptr) ++fresh;
  }
  if (in_force_.size() + fresh > options_.resources)
    return fault(fmt::format("more than {} resources", options_.resources), "raise limits.resources");
  return {};
}

Outcome<> Store::put(const std::vector<DocumentPtr>& documents) {
  if (auto admitted = admit(documents); !admitted) return admitted;
  std::vector<FileText> files;
  for (const auto& document : documents) files.push_back({file_name(document->key), document->text});
  if (auto written = commit_batch(applied_directory(), files); !written) return written;
  // What is committed counts; the next put, remove or start moves what could not be moved.
  if (auto finished = finish_batch(applied_directory()); !finished) log_.warn("{}", finished.error().message);
  bool taken = true;
  for (const auto& document : documents) {
    applied_.insert_or_assign(document->key, document);
    if (spoilt_.erase(applied_path(document->key)) > 0) taken = false;
    taken = taken && take_in(document);
  }
  if (!taken) rebuild();
  return {};
}

Outcome<> Store::remove(const std::string& key) {
  if (!applied_.contains(key) && !spoilt_.contains(applied_path(key))) {
    const auto* found = find(key);
    if (found == nullptr) return fault(key + " does not exist", "see `sluice get`");
    return fault(fmt::format("{} comes from {}", key, found->document->where), "remove it from that file");
  }
  if (auto finished = finish_batch(applied_directory()); !finished) return finished;
  if (auto removed = remove_durably(applied_path(key)); !removed) return removed;
  const bool spoilt = spoilt_.erase(applied_path(key)) > 0;
  applied_.erase(key);
  if (spoilt || !take_out(key)) rebuild();
  return {};
}

const StoredDocument* Store::find(const std::string& key) const {
  const auto found = places_.find(key);
  return found == places_.end() ? nullptr : &documents_[found->second.document];
}

}  // namespace sluice::agent

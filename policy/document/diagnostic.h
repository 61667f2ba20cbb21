// Everything that is wrong with documents, collected so that a user sees all of it at once, in compiler
// style:
//   mesh.yaml:12:7: error: spec.to[0].default.connectionTimeout: must be greater than zero when defined
//     write a duration such as 5s
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/node.h"

namespace sluice::policy {

// A note is about another dialect than the one that judges.
enum class Severity : std::uint8_t { note, warning, error };

// "note", "warning" or "error".
std::string_view severity_name(Severity severity);

// Which check spoke. Kuma runs the schema before its validators; tools that compare with Kuma need to tell
// them apart.
enum class Stage : std::uint8_t { syntax, envelope, schema, semantic, support, migration };

struct Diagnostic {
  Severity severity = Severity::error;
  Stage stage = Stage::semantic;
  std::string file;
  Mark mark;
  std::string
      path;  // Kuma's violation path, "spec.from[0].default.action"; empty for the document as a whole
  std::string message;  // what is wrong
  std::string hint;     // what to write instead; may be empty

  std::string text() const;
};

class Diagnostics {
 public:
  void add(Diagnostic diagnostic);
  void append(const Diagnostics& other);
  bool has_errors() const { return errors_ > 0; }
  const std::vector<Diagnostic>& list() const { return list_; }
  // One per line, with its hint below; says how many were left out above kMaxDiagnostics.
  std::string text() const;

  static constexpr std::size_t kMaxDiagnostics = 1000;

 private:
  std::vector<Diagnostic> list_;
  std::size_t errors_ = 0;
  std::size_t left_out_ = 0;
};

}  // namespace sluice::policy

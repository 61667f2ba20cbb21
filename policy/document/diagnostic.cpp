#include "policy/document/diagnostic.h"

#include <utility>

namespace sluice::policy {

std::string_view severity_name(Severity severity) {
  if (severity == Severity::error) return "error";
  return severity == Severity::warning ? "warning" : "note";
}

std::string Diagnostic::text() const {
  std::string out = file.empty() ? std::string("<input>") : file;
  if (mark.line > 0) out += ":" + std::to_string(mark.line) + ":" + std::to_string(mark.column);
  out += ": " + std::string(severity_name(severity)) + ": ";
  if (!path.empty()) out += path + ": ";
  out += message;
  if (!hint.empty()) out += "\n  " + hint;
  return out;
}

void Diagnostics::add(Diagnostic diagnostic) {
  const bool error = diagnostic.severity == Severity::error;
  if (error) ++errors_;
  if (list_.size() < kMaxDiagnostics) {
    list_.push_back(std::move(diagnostic));
  } else {
    ++left_out_;
  }
}

void Diagnostics::append(const Diagnostics& other) {
  for (const auto& diagnostic : other.list_) add(diagnostic);
  left_out_ += other.left_out_;
  // Errors that `other` counted but no longer holds.
  std::size_t held = 0;
  for (const auto& diagnostic : other.list_) held += diagnostic.severity == Severity::error ? 1U : 0U;
  errors_ += other.errors_ - held;
}

std::string Diagnostics::text() const {
  std::string out;
  for (const auto& diagnostic : list_) out += diagnostic.text() + "\n";
  if (left_out_ > 0) out += "... and " + std::to_string(left_out_) + " more\n";
  return out;
}

}  // namespace sluice::policy

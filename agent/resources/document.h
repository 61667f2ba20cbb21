// One YAML document of a file or an apply, judged: either a resource or the reasons why not.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "policy/document/diagnostic.h"
#include "policy/document/dialect.h"
#include "policy/document/resource.h"

namespace sluice::agent {

struct Document {
  std::string text;              // as written, without the separator lines
  std::uint32_t line = 0;        // of the whole text: lines before it
  policy::ResourcePtr resource;  // null when the document has an error
  std::string key;    // "Kind/mesh/name"; of a bad document too when its envelope can be read; else empty
  std::string where;  // "file:line"
  policy::Diagnostics diagnostics;
  std::string script_problem;  // in force, but a Lua script of it does not compile: what that does
};
using DocumentPtr = std::shared_ptr<const Document>;

// Cuts text at the `---` lines and judges each document by itself, so that an error stays in its document.
// Line numbers are those of the whole text. One of too many documents is one bad document. `known`: good
// documents of an earlier text of the file, judged alike; those that stand unchanged at their line are taken
// over.
std::vector<DocumentPtr> judge_documents(std::string_view text, const std::string& file,
                                         policy::Dialect dialect, bool strict,
                                         std::span<const DocumentPtr> known = {});

// What was judged good before, maybe by another version: a Lua script that does not compile (any more) is a
// script_problem and no error, for out of force its policy would let pass whatever it was to refuse.
std::vector<DocumentPtr> judge_stored(std::string_view text, const std::string& file,
                                      policy::Dialect dialect);

}  // namespace sluice::agent

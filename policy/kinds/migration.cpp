#include "policy/kinds/migration.h"

#include <set>

#include "policy/document/envelope.h"
#include "policy/kinds/schema.h"

namespace sluice::policy {
namespace {

// The document as written, and as each dialect reads it: without what it does not know, with its defaults.
struct Reading {
  const Node* written;  // null where a default made the place
  const Node& here;
  const Node& there;
};

class Notes {
 public:
  Notes(const std::string& file, Dialect here, Diagnostics& out)
      : file_(file), here_(release_name(here)), there_(release_name(other_dialect(here))), out_(out) {}

  void add(Mark mark, std::string path, std::string message, std::string hint = {}) {
    out_.add({Severity::note, Stage::migration, file_, mark, std::move(path), std::move(message),
              std::move(hint)});
  }

  void refused_there(const Diagnostics& reasons) {
    std::set<std::string> places;  // the schema and a validator may both speak of one
    for (const auto& one : reasons.list())
      if (one.severity == Severity::error && places.insert(one.path).second)
        add(one.mark, one.path, there_ + " refuses this: " + one.message, one.hint);
  }

  void accepted_there(Mark mark) { add(mark, "", there_ + " accepts this document"); }

  void compare(const Reading& at, const std::string& path) {
    if (at.here.same_value(at.there)) return;
    if (at.here.is_mapping() && at.there.is_mapping()) return fields(at, path);
    if (at.here.is_sequence() && at.there.is_sequence() && at.here.size() == at.there.size())
      return items(at, path);
    add(at.here.mark, path, there_ + " reads this differently");
  }

 private:
  void items(const Reading& at, const std::string& path) {
    const bool same_shape = at.written != nullptr && at.written->size() == at.here.size();
    for (std::size_t i = 0; i < at.here.items.size(); ++i)
      compare({same_shape ? &at.written->items[i] : nullptr, at.here.items[i], at.there.items[i]},
              index_path(path, i));
  }

  void fields(const Reading& at, const std::string& path) {
    for (const auto& [key, mark, here] : at.here.fields) {
      const auto* written = at.written == nullptr ? nullptr : at.written->find(key);
      const auto below = join_path(path, key);
      if (const auto* there = at.there.find(key)) {
        if (written == nullptr && !here.same_value(*there)) {
          add(at.here.mark, below,
              there_ + " has the default " + there->to_json() + ", " + here_ + " has " + here.to_json());
        } else {
          compare({written, here, *there}, below);
        }
      } else if (!here.is_null()) {
        add(mark, below,
            written != nullptr ? there_ + " ignores this field"
                               : "only " + here_ + " has a default for this");
      }
    }
    for (const auto& [key, mark, there] : at.there.fields) {
      const auto* written = at.written == nullptr ? nullptr : at.written->find(key);
      if (at.here.find(key) == nullptr && !there.is_null())
        add(mark, join_path(path, key),
            written != nullptr ? there_ + " does not ignore this field"
                               : "only " + there_ + " has a default for this");
    }
  }

  const std::string& file_;
  std::string here_, there_;
  Diagnostics& out_;
};

}  // namespace

void add_migration_notes(const Node& document, const CheckedDocument& here, const std::string& file,
                         const CheckOptions& options, Diagnostics& out) {
  auto other = options;
  other.dialect = other_dialect(options.dialect);
  other.strict = false;
  other.migration = false;
  const auto there = check_document(document, file, other);
  Notes notes(file, options.dialect, out);
  if (here.resource && !there.resource) return notes.refused_there(there.diagnostics);
  if (!here.resource && there.resource) return notes.accepted_there(there.resource->mark);
  if (!here.resource) return;
  Diagnostics told;  // what is wrong with the envelope was told already
  const auto written = open_envelope(document, file, told);
  notes.compare({written ? &written->body : nullptr, here.resource->body, there.resource->body}, "");
}

}  // namespace sluice::policy

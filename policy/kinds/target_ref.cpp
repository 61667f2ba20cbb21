#include <algorithm>
#include <string>

#include "policy/document/names.h"
#include "policy/kinds/validator.h"

namespace sluice::policy {
namespace {

bool is_ref_name(std::string_view text) {
  return text.size() <= kMaxTagText && std::ranges::all_of(text, [](char c) {
           return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-' || c == '.' || c == '_';
         });
}

class RefCheck {
 public:
  RefCheck(Validator& validator, const Node& ref, const std::string& path, const TargetRefRules& rules)
      : validator_(validator), ref_(ref), path_(path), rules_(rules), kind_(ref.text_of("kind")) {}

  void run() {
    if (validator_.dialect() == Dialect::kuma_3) return run_3();
    if (kind_ == "Mesh") {
      if (has("name")) error("name", "using name with kind Mesh is not yet supported");
      forbid({"mesh", "tags", "labels", "namespace", "sectionName"});
      if (const auto* types = ref_.find("proxyTypes"); types != nullptr && types->items.empty()) {
        error("proxyTypes", "must be undefined or have at least one element");
      }
    } else if (kind_ == "Dataplane") {
      forbid({"tags", "mesh", "proxyTypes"});
      if (has("labels") && (has("name") || has("namespace"))) {
        error("labels", "either labels or name and namespace must be specified");
      }
      section_name();
      name_charset();
    } else if (kind_ == "MeshSubset") {
      forbid({"name", "mesh", "labels", "namespace", "sectionName"});
      tags();
    } else if (kind_ == "MeshService") {
      forbid({"mesh", "tags", "proxyTypes"});
      name_or_labels("either labels or name and namespace must be specified");
    } else if (kind_ == "MeshHTTPRoute" || kind_ == "MeshExternalService") {
      forbid({"mesh", "tags", "proxyTypes", "sectionName"});
      name_or_labels("either labels or name must be specified");
    } else if (kind_ == "MeshServiceSubset" || kind_ == "MeshGateway") {
      if (!has("name")) error("name", "must be set when kind is " + std::string(kind_));
      name_charset();
      forbid({"mesh", "proxyTypes", "labels", "namespace", "sectionName"});
      if (kind_ == "MeshGateway" && !rules_.gateway_tags_allowed) {
        forbid({"tags"});
      } else {
        tags();
      }
    }
  }

 private:
  void run_3() {
    if (kind_ == "Mesh") return forbid({"labels", "sectionName"});
    section_name();
    if (kind_ == "Dataplane" || kind_ == "MeshSubset" || kind_ == "MeshServiceSubset") return;
    if (!has("labels")) error("labels", "must be set when kind is " + std::string(kind_));
    if (kind_ == "MeshHTTPRoute" || kind_ == "MeshExternalService") forbid({"sectionName"});
  }
  void section_name() {
    if (kind_ == "Dataplane" && has("sectionName") && !rules_.inbound_policy)
      error("sectionName", "can only be used with inbound policies");
  }
  bool has(std::string_view key) const {
    const auto* node = ref_.find(key);
    return node != nullptr &&
           (node->is_scalar() ? !node->scalar.empty() : node->size() > 0 || key == "proxyTypes");
  }
  void error(std::string_view key, std::string message) {
    const auto* node = ref_.find(key);
    validator_.error(node == nullptr ? ref_ : *node, join_path(path_, key), std::move(message));
  }
  void forbid(std::initializer_list<std::string_view> keys) {
    for (const auto key : keys) {
      if (has(key)) error(key, "must not be set with kind " + std::string(kind_));
    }
  }
  void name_charset() {
    if (!is_ref_name(ref_.text_of("name"))) {
      error("name",
            "invalid characters: must consist of lower case alphanumeric characters, '-', '.' and '_'.");
    }
  }
  void name_or_labels(std::string both) {
    if (!has("name") && !has("labels")) {
      validator_.error(ref_, path_, "name or labels must be set when kind is " + std::string(kind_));
    }
    if (has("labels") && (has("name") || has("namespace"))) error("labels", std::move(both));
    name_charset();
  }
  void tags() {
    const auto* tags = ref_.find("tags");
    if (tags == nullptr || !tags->is_mapping()) return;
    validator_.at_most(ref_, path_, "tags", 60);
    for (const auto& entry : tags->fields) {
      const auto path = key_path(join_path(path_, "tags"), entry.key);
      if (!is_tag_name(entry.key)) {
        validator_.error(
            entry.value, path,
            "tag name must consist of alphanumeric characters, dots, dashes, slashes and underscores");
      }
      if (entry.value.scalar.empty()) {
        validator_.error(entry.value, path, "tag value must be non-empty");
      } else if (!is_tag_value(entry.value.scalar)) {
        validator_.error(entry.value, path,
                         "tag value must consist of alphanumeric characters, dots, dashes and underscores");
      }
    }
  }

  Validator& validator_;
  const Node& ref_;
  const std::string& path_;
  const TargetRefRules& rules_;
  std::string_view kind_;
};

std::string kinds_text(const std::vector<std::string_view>& kinds) {
  std::string out = "one of:";
  for (const auto kind : kinds) out += " " + std::string(kind);
  return out;
}

}  // namespace

void validate_target_ref(Validator& validator, const Node& holder, const Node* ref, const std::string& path,
                         const TargetRefRules& rules) {
  const auto kind = ref == nullptr ? std::string_view() : ref->text_of("kind");
  if (kind.empty()) {
    validator.error(ref == nullptr ? holder : *ref, join_path(path, "kind"), "must be defined",
                    kinds_text(rules.kinds));
    return;
  }
  if (std::ranges::find(rules.kinds, kind) == rules.kinds.end()) {
    validator.error(*ref->find("kind"), join_path(path, "kind"),
                    "value '" + std::string(kind) + "' is not supported", kinds_text(rules.kinds));
    return;
  }
  RefCheck(validator, *ref, path, rules).run();
}

std::string_view target_kind(const Node& spec) {
  const auto* ref = spec.find("targetRef");
  const auto kind = ref == nullptr ? std::string_view() : ref->text_of("kind");
  return kind.empty() ? std::string_view("Mesh") : kind;
}

}  // namespace sluice::policy

#include "policy/document/envelope.h"

#include <array>
#include <string_view>
#include <utility>

#include "policy/document/catalog.h"
#include "policy/document/names.h"

namespace sluice::policy {
namespace {

// The last ones are what Kuma's API adds to its answers.
constexpr std::array<std::string_view, 8> kEnvelopeKeys{
    "type", "name", "mesh", "labels", "creationTime", "modificationTime", "kri", "snis"};

class Opener {
 public:
  Opener(Node document, const std::string& file, Diagnostics& diagnostics)
      : document_(std::move(document)), diagnostics_(diagnostics) {
    resource_.file = file;
    resource_.mark = document_.mark;
  }

  std::optional<Resource> run() {
    if (!document_.is_mapping()) {
      error(document_.mark, "", "a document must be a mapping",
            "start with `type:` (Universal) or `apiVersion:`");
      return std::nullopt;
    }
    if (!find_form() || !know_kind()) return std::nullopt;
    if (resource_.kubernetes) {
      take_kubernetes();
    } else {
      take_universal();
    }
    check_names();
    if (failed_) return std::nullopt;
    resource_.body.mark = resource_.mark;
    return std::move(resource_);
  }

 private:
  void error(Mark mark, std::string path, std::string message, std::string hint = {}) {
    failed_ = true;
    diagnostics_.add({Severity::error, Stage::envelope, resource_.file, mark, std::move(path),
                      std::move(message), std::move(hint)});
  }

  bool find_form() {
    const auto* type = document_.find("type");
    const bool kubernetes = document_.find("apiVersion") != nullptr || document_.find("metadata") != nullptr;
    const auto* kind = kubernetes ? document_.find("kind") : type;
    if (kind == nullptr || !kind->is_scalar()) {
      error(document_.mark, kubernetes ? "kind" : "type", "the document does not say its kind",
            "write `type: Dataplane` (Universal) or `apiVersion: kuma.io/v1alpha1` and `kind: Dataplane` "
            "(Kubernetes)");
      return false;
    }
    resource_.kubernetes = kubernetes;
    resource_.kind = kind->scalar;
    resource_.mark = kind->mark;
    if (kubernetes) return know_api_version();
    return true;
  }

  bool know_api_version() {
    const auto version = document_.text_of("apiVersion");
    if (version == "kuma.io/v1alpha1") return true;
    const auto secret_type = document_.text_of("type");
    if (version == "v1" && resource_.kind == "Secret" && secret_type.starts_with("system.kuma.io/")) {
      if (secret_type == "system.kuma.io/global-secret") resource_.kind = "GlobalSecret";
      return true;
    }
    error(resource_.mark, "apiVersion",
          "\"" + std::string(version) + "\" " + resource_.kind + " is no mesh document",
          version == "v1" && resource_.kind == "List"
              ? "write the items of the list as documents of their own, with --- between them"
              : "keep other Kubernetes objects out of this directory; mesh documents have apiVersion "
                "kuma.io/v1alpha1");
    return false;
  }

  bool know_kind() {
    info_ = find_kind(resource_.kind);
    const std::string path = resource_.kubernetes ? "kind" : "type";
    if (info_ == nullptr) {
      const auto near = nearest_kind(resource_.kind);
      error(resource_.mark, path, "unknown kind \"" + resource_.kind + "\"",
            near.empty() ? "see docs/policy.md for the kinds" : "did you mean " + std::string(near) + "?");
      return false;
    }
    if (info_->support == Support::refused) {
      error(resource_.mark, path,
            "the old policy kind " + resource_.kind +
                " is not supported, and ignoring it could change what is allowed",
            "replace it by " + std::string(info_->replaced_by));
      return false;
    }
    return true;
  }

  std::string required_text(const Node& in, std::string_view key, const std::string& path) {
    const auto* value = in.find(key);
    if (value == nullptr) {
      error(resource_.mark, path, "cannot be empty", "give the " + std::string(key));
      return {};
    }
    if (!value->is_scalar()) error(value->mark, path, "must be text");
    if (value->is_scalar() && value->scalar.empty()) error(value->mark, path, "cannot be empty");
    return value->scalar;
  }

  void take_labels(const Node* labels, const std::string& path) {
    if (labels == nullptr) return;
    if (!labels->is_mapping()) return error(labels->mark, path, "must be a mapping of text to text");
    for (const auto& [key, mark, value] : labels->fields) {
      if (!value.is_scalar() && !value.is_null()) {
        error(mark, path + "[\"" + key + "\"]", "must be text");
        continue;
      }
      resource_.labels[key] = value.scalar;
    }
  }

  void take_universal() {
    resource_.name = required_text(document_, "name", "name");
    resource_.display_name = resource_.name;
    if (info_->mesh_scoped) resource_.mesh = required_text(document_, "mesh", "mesh");
    take_labels(document_.find("labels"), "labels");
    take_origin();
    resource_.body = std::move(document_);
    for (const auto key : kEnvelopeKeys) resource_.body.erase(key);
    if (info_->has_spec) keep_spec();
  }

  // What was synced from elsewhere keeps its first name and namespace in these labels.
  void take_origin() {
    if (const auto name = resource_.label("kuma.io/display-name"); !name.empty())
      resource_.display_name = name;
    if (const auto ns = resource_.label("k8s.kuma.io/namespace"); !ns.empty()) resource_.ns = ns;
  }

  void keep_spec() {
    auto* spec = resource_.body.find("spec");
    if (spec == nullptr) {
      auto empty = Node::empty_mapping();
      empty.mark = resource_.mark;
      resource_.body.erase("spec");
      resource_.body.set("spec", std::move(empty));
    } else if (!spec->is_mapping()) {
      error(spec->mark, "spec", "must be a mapping");
    }
  }

  void take_kubernetes() {
    const auto* metadata = document_.find("metadata");
    if (metadata == nullptr || !metadata->is_mapping()) {
      return error(resource_.mark, "metadata", "cannot be empty", "give metadata.name");
    }
    resource_.display_name = required_text(*metadata, "name", "metadata.name");
    resource_.ns = metadata->text_of("namespace");
    resource_.name = resource_.display_name;
    const bool secret = info_->name == "Secret" || info_->name == "GlobalSecret";
    // Secrets all lie in one namespace, and are referenced by their bare name.
    if (!resource_.ns.empty() && info_->mesh_scoped && !secret) resource_.name += "." + resource_.ns;
    take_labels(metadata->find("labels"), "metadata.labels");
    take_origin();
    if (info_->mesh_scoped) {
      // The old kinds may also say it beside their spec; the label comes first.
      auto mesh = resource_.label("kuma.io/mesh");
      if (mesh.empty() && !info_->has_spec && !secret) mesh = document_.text_of("mesh");
      resource_.mesh = mesh.empty() ? "default" : std::string(mesh);
    }
    if (secret) return keep_secret();
    auto* spec = document_.find("spec");
    if (info_->has_spec) {
      resource_.body = Node::empty_mapping();
      if (spec != nullptr) resource_.body.set("spec", std::move(*spec));
      // The addresses of services lie there.
      if (auto* status = document_.find("status"); status != nullptr && status->is_mapping())
        resource_.body.set("status", std::move(*status));
      return keep_spec();
    }
    if (spec != nullptr && !spec->is_mapping()) return error(spec->mark, "spec", "must be a mapping");
    resource_.body = spec != nullptr ? std::move(*spec) : Node::empty_mapping();
  }

  // Kubernetes keeps the value one level deeper than Kuma.
  void keep_secret() {
    resource_.body = Node::empty_mapping();
    const auto* data = document_.find("data");
    if (data != nullptr && !data->is_mapping()) return error(data->mark, "data", "must be a mapping");
    if (const auto* value = data == nullptr ? nullptr : data->find("value"))
      resource_.body.set("data", *value);
    if (document_.find("stringData") != nullptr) {
      error(resource_.mark, "stringData", "only the API server reads this field",
            "write data.value in base64");
    }
  }

  // What a label that only Kuma gives a meaning to may say. Where the document comes from is not known here,
  // so nothing is said about which origin fits.
  void check_own_labels(const std::string& prefix) {
    const auto origin = resource_.labels.find("kuma.io/origin");
    if (origin != resource_.labels.end() && origin->second != "global" && origin->second != "zone") {
      error(resource_.mark, prefix + "labels[\"kuma.io/origin\"]",
            "unknown resource origin \"" + origin->second + "\"", "write global or zone");
    }
    const auto mesh = resource_.label("kuma.io/mesh");
    if (info_->mesh_scoped && !mesh.empty() && mesh != resource_.mesh) {
      error(resource_.mark, prefix + "labels[\"kuma.io/mesh\"]",
            "must be equal to the mesh \"" + resource_.mesh + "\"", "remove the label");
    }
  }

  void check_names() {
    const std::string prefix = resource_.kubernetes ? "metadata." : "";
    if (failed_) return;
    if (resource_.name.size() > 253) {
      error(resource_.mark, prefix + "name", "must not be longer than 253 characters");
    } else if (!is_dns_subdomain(resource_.name)) {
      error(resource_.mark, prefix + "name",
            "invalid characters. A lowercase RFC 1123 subdomain must consist of lower case alphanumeric "
            "characters, '-' or '.', and must start and end with an alphanumeric character");
    }
    if (info_->mesh_scoped && !is_mesh_name(resource_.mesh)) {
      error(
          resource_.mark, "mesh",
          "invalid characters. Valid characters are numbers, lowercase latin letters and '-', '_' symbols.");
    }
    for (const auto& [key, value] : resource_.labels) {
      const auto path = prefix + "labels[\"" + key + "\"]";
      if (!is_qualified_name(key)) error(resource_.mark, path, "the key is no qualified name");
      if (!is_label_value(value)) error(resource_.mark, path, "the value is no label value");
    }
    check_own_labels(prefix);
  }

  Node document_;
  Diagnostics& diagnostics_;
  Resource resource_;
  const KindInfo* info_ = nullptr;
  bool failed_ = false;
};

}  // namespace

bool is_foreign(const Node& document) {
  const auto version = document.text_of("apiVersion");
  const auto kind = document.text_of("kind");
  if (version.empty() || kind.empty() || kind == "List" || version.find("kuma.io") != std::string_view::npos)
    return false;
  if (version == "v1" && kind == "Secret") return !document.text_of("type").starts_with("system.kuma.io/");
  return find_kind(kind) == nullptr;
}

std::optional<Resource> open_envelope(Node document, const std::string& file, Diagnostics& diagnostics) {
  return Opener(std::move(document), file, diagnostics).run();
}

}  // namespace sluice::policy

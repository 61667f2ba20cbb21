// Resources: get, apply, delete, enroll, unenroll.
#include <algorithm>

#include <fmt/format.h>

#include "app/agent.h"
#include "policy/document/catalog.h"

namespace sluice::agent {
namespace {

Diagnostic diagnostic_of(const policy::Diagnostic& from) {
  Diagnostic out;
  out.error = from.severity == policy::Severity::error;
  out.where = fmt::format("{}:{}:{}", from.file, from.mark.line, from.mark.column);
  out.message = from.path.empty() ? from.message : from.path + ": " + from.message;
  out.next_step = from.hint;
  return out;
}

ApplyRefusal refusal(Fault fault, std::vector<Diagnostic> diagnostics = {}) {
  return ApplyRefusal{std::move(fault), std::move(diagnostics)};
}

std::string store_key(const ResourceKey& key) {
  const auto* kind = policy::find_kind(key.kind);
  const bool scoped = kind == nullptr || kind->mesh_scoped;
  const std::string mesh = !scoped ? "" : key.mesh.empty() ? "default" : key.mesh;
  return key.kind + "/" + mesh + "/" + key.name;
}

// A value inside double quotes of YAML; what could end the quotes is refused by the caller.
bool is_plain(const std::string& text) {
  return std::ranges::none_of(text,
                              [](unsigned char c) { return c < 0x20 || c == 0x7f || c == '"' || c == '\\'; });
}

}  // namespace

ResourceInfo Agent::resource_info(const StoredDocument& stored) const {
  ResourceInfo info;
  const auto& document = *stored.document;
  if (document.resource) {
    info.kind = document.resource->kind;
    info.mesh = document.resource->mesh;
    info.name = document.resource->name;
  } else if (const auto first = document.key.find('/'); first != std::string::npos) {
    const auto second = document.key.find('/', first + 1);
    info.kind = document.key.substr(0, first);
    info.mesh = document.key.substr(first + 1, second - first - 1);
    info.name = document.key.substr(second + 1);
  }
  info.origin = document.where;
  info.stored = stored.applied;
  info.in_force = stored.in_force;
  info.problem = stored.problem;
  info.yaml = document.text;
  return info;
}

std::vector<ResourceInfo> Agent::resources(const std::string& kind, const std::string& mesh) const {
  std::vector<ResourceInfo> out;
  for (const auto& stored : store_->documents()) {
    auto info = resource_info(stored);
    if ((kind.empty() || info.kind == kind) && (mesh.empty() || info.mesh == mesh))
      out.push_back(std::move(info));
  }
  return out;
}

Outcome<ResourceInfo> Agent::resource(const ResourceKey& key) const {
  const auto* found = store_->find(store_key(key));
  if (found == nullptr)
    return fault(fmt::format("there is no {} '{}'", key.kind, key.name), "see `sluice get`");
  return resource_info(*found);
}

// The documents of the request, all good, or why it is refused.
ApplyOutcome Agent::judge(const ApplyRequest& request, std::vector<DocumentPtr>& documents) const {
  ApplyResult result;
  std::vector<Diagnostic> diagnostics;
  bool good = true;
  documents = judge_documents(request.yaml, request.source, store_->dialect(), request.strict);
  for (const auto& document : documents) {
    good = good && document->resource != nullptr;
    for (const auto& diagnostic : document->diagnostics.list())
      diagnostics.push_back(diagnostic_of(diagnostic));
    if (document->resource)
      if (const auto* kind = policy::find_kind(document->resource->kind);
          kind != nullptr && kind->support == policy::Support::refused) {
        good = false;
        diagnostics.push_back({true, document->where, document->resource->kind + " is not supported", ""});
      }
  }
  if (documents.empty()) return std::unexpected(refusal(Fault{request.source + " holds no document", {}}));
  if (!good) {
    std::string first = "documents are not valid";
    const auto error = std::ranges::find(diagnostics, true, &Diagnostic::error);
    if (error != diagnostics.end()) first = error->where + ": " + error->message;
    return std::unexpected(refusal(Fault{first, "nothing was changed"}, diagnostics));
  }
  if (auto admitted = store_->admit(documents); !admitted)
    return std::unexpected(refusal(admitted.error(), diagnostics));
  for (const auto& document : documents) {
    const auto* old = store_->find(document->key);
    const auto& resource = *document->resource;
    const char* action = old == nullptr                                            ? "created"
                         : old->document->resource->body.same_value(resource.body) ? "unchanged"
                                                                                   : "changed";
    result.resources.push_back({resource.kind, resource.mesh, resource.name, action});
  }
  result.warnings = std::move(diagnostics);
  return result;
}

ApplyOutcome Agent::apply(const ApplyRequest& request) {
  if (uninstalled_) return std::unexpected(refusal(Fault{"Sluice has been uninstalled", "start it again"}));
  std::vector<DocumentPtr> documents;
  auto result = judge(request, documents);
  if (!result || request.dry_run) return result;
  if (auto put = store_->put(documents); !put) return std::unexpected(refusal(put.error(), result->warnings));
  recompile();
  if (table_) result->table_hash = fmt::format("{:016x}", table_->content_hash());
  for (const auto& diagnostic : compiled_.diagnostics.list()) {
    const bool ours = diagnostic.file == request.source;
    if (ours) result->warnings.push_back(diagnostic_of(diagnostic));
  }
  return result;
}

Outcome<> Agent::remove(const ResourceKey& key) {
  if (auto removed = store_->remove(store_key(key)); !removed) return removed;
  recompile();
  return {};
}

ApplyOutcome Agent::enroll(const EnrollRequest& request) {
  for (const auto* text : {&request.name, &request.mesh, &request.target, &request.address, &request.service})
    if (!is_plain(*text))
      return std::unexpected(refusal(Fault{"a name or path holds characters that cannot be used", {}}));
  std::string address = request.address;
  if (address.empty() && request.kind == "netns") {
    auto netns = kernel::open_namespace(request.target);
    if (!netns) return std::unexpected(refusal(netns.error()));
    const auto source = kernel::preferred_source_v4(netns->get());
    if (source && *source) address = (*source)->text();
  }
  if (address.empty())
    return std::unexpected(refusal(Fault{"the workload's address is not known", "name it with --address"}));
  const std::string mesh = request.mesh.empty() ? "default" : request.mesh;
  const std::string service = request.service.empty() ? request.name : request.service;
  std::string yaml =
      fmt::format("type: Dataplane\nmesh: \"{}\"\nname: \"{}\"\nnetworking:\n  address: \"{}\"\n  inbound:\n",
                  mesh, request.name, address);
  for (const auto& inbound : request.inbounds) {
    yaml += fmt::format("  - port: {}\n", inbound.port);
    if (inbound.service_port != 0) yaml += fmt::format("    servicePort: {}\n", inbound.service_port);
    yaml += fmt::format("    tags: {{kuma.io/service: \"{}\", kuma.io/protocol: \"{}\"}}\n", service,
                        inbound.protocol.empty() ? "tcp" : inbound.protocol);
  }
  // Kuma wants an inbound for the tags that name a workload; port 65000 is only their carrier.
  if (request.inbounds.empty())
    yaml += fmt::format("  - port: 65000\n    tags: {{kuma.io/service: \"{}\", kuma.io/protocol: tcp}}\n",
                        service);
  yaml += fmt::format("sluice:\n  node: \"{}\"\n  attach: {{{}: \"{}\"}}\n", parts_.config.node_name,
                      request.kind, request.target);
  if (!request.fail_mode.empty()) yaml += fmt::format("  failMode: {}\n", request.fail_mode);
  auto result = apply({yaml, "enroll " + request.name, false, request.dry_run});
  if (result) result->yaml = yaml;
  return result;
}

Outcome<> Agent::unenroll(const std::string& mesh, const std::string& name) {
  return remove({"Dataplane", mesh, name});
}

}  // namespace sluice::agent

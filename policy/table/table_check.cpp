#include "policy/table/table_check.h"

#include <algorithm>

#include "policy/table/flat_map.h"
#include "policy/table/http_check.h"
#include "policy/table/places.h"

namespace sluice::policy {
namespace {

bool rule_known(const TableImage& image, RuleIndex rule) {
  return static_cast<std::uint32_t>(rule) < image.rules.size();
}

bool timeout_sound(const TableImage& image, const Timeout& timeout) {
  return timeout.value.count() >= 0 && rule_known(image, timeout.rule);
}

std::string check_inbound(const TableImage& image, const InboundImage& inbound) {
  if (inbound.address.port == 0) return "inbound without a port";
  if (inbound.tls_mode != TlsMode::off && inbound.permissions >= image.permissions.size()) {
    return "inbound refers to a permission set that does not exist";
  }
  if (!timeout_sound(image, inbound.connect_timeout) || !timeout_sound(image, inbound.idle_timeout)) {
    return "inbound has a bad timeout";
  }
  return {};
}

std::string check_workload(const TableImage& image, const WorkloadImage& workload) {
  if (workload.local && !is_local(workload.id)) return "local workload without a number";
  if (!workload.local && workload.id != WorkloadId::none) return "workload of another node with a number";
  if (workload.mesh >= image.meshes.size()) return "workload of a mesh that does not exist";
  if (workload.mtls && workload.identities.empty()) return "workload with mTLS but without identity";
  if (workload.external && (workload.local || workload.mtls || !workload.addresses.empty()))
    return "workload outside the mesh with what only those of the mesh have";
  if (!workload.tls.empty() && (!workload.external || workload.tls.size() > 1))
    return "TLS to the outside where it cannot be";
  if (!rule_known(image, workload.passthrough_rule)) return "workload refers to a rule that does not exist";
  if (!timeout_sound(image, workload.passthrough_connect_timeout) ||
      !timeout_sound(image, workload.passthrough_idle_timeout)) {
    return "workload has a bad timeout";
  }
  for (const auto& match : workload.passthrough_matches) {
    if (match.prefix.length > 128 || match.first_port > match.last_port || !rule_known(image, match.rule)) {
      return "workload has a bad passthrough match";
    }
  }
  for (const auto& inbound : workload.inbounds) {
    if (auto problem = check_inbound(image, inbound); !problem.empty()) return problem;
    if (workload.mtls == (inbound.tls_mode == TlsMode::off))
      return "inbound's TLS mode does not fit its workload";
  }
  return {};
}

std::string check_permissions(const TableImage& image) {
  for (const auto& set : image.permissions) {
    for (const auto& rule : set.rules) {
      if (!rule_known(image, rule.rule)) return "permission refers to a rule that does not exist";
    }
  }
  return {};
}

std::string check_service(const TableImage& image, const ServiceImage& service) {
  if (service.name.size() > kMaxText || service.backends.size() > kMaxBackends ||
      service.vips.size() > kMaxListPerWorkload) {
    return "a list or name is too long: " + service.name.substr(0, 64);
  }
  if (service.mesh >= image.meshes.size()) return "service of a mesh that does not exist";
  for (const auto& backend : service.backends) {
    if (backend.workload >= image.workloads.size()) return "service with a workload that does not exist";
    const auto& workload = image.workloads[backend.workload];
    if (backend.inbound >= workload.inbounds.size()) return "service with an inbound that does not exist";
    if (workload.mesh != service.mesh) return "service with a workload of another mesh";
  }
  return {};
}

std::string check_outbounds(const TableImage& image) {
  for (const auto& outbound : image.outbounds) {
    if (outbound.workload >= image.workloads.size()) return "outbound of a workload that does not exist";
    if (!image.workloads[outbound.workload].local) return "outbound of a workload that is not local";
    if (outbound.service >= image.services.size()) return "outbound to a service that does not exist";
    if (image.services[outbound.service].mesh != image.workloads[outbound.workload].mesh) {
      return "outbound to a service of another mesh";
    }
    if (!timeout_sound(image, outbound.connect_timeout) || !timeout_sound(image, outbound.idle_timeout)) {
      return "outbound has a bad timeout";
    }
  }
  return {};
}

bool long_text(const std::vector<std::string>& list) {
  return std::ranges::any_of(list, [](const std::string& text) { return text.size() > kMaxText; });
}

std::string check_rule_limits(const TableImage& image) {
  for (const auto& rule : image.rules) {
    if (rule.policy.size() > kMaxText || rule.file.size() > kMaxText) return "a rule's name is too long";
  }
  for (const auto& set : image.permissions) {
    if (set.rules.size() > kMaxPermissionRules) return "too many permissions on one inbound";
    for (const auto& rule : set.rules) {
      if (rule.conditions.size() > kMaxConditions) return "too many conditions in one permission";
      for (const auto& condition : rule.conditions) {
        if (condition.value.size() > kMaxText) return "a condition is too long";
      }
    }
  }
  return {};
}

std::string check_workload_limits(const WorkloadImage& workload) {
  if (workload.name.size() > kMaxText || long_text(workload.identities) ||
      workload.addresses.size() > kMaxListPerWorkload || workload.identities.size() > kMaxListPerWorkload ||
      workload.inbounds.size() > kMaxListPerWorkload ||
      workload.passthrough_matches.size() > kMaxListPerWorkload) {
    return "a list or name is too long: " + workload.name.substr(0, 64);
  }
  for (const auto& tls : workload.tls) {
    if (std::ranges::max({tls.authorities.size(), tls.chain.size(), tls.key.size()}) > kMaxPem ||
        tls.names.size() > kMaxConditions || tls.server_name.size() > kMaxText ||
        tls.digest.size() > kMaxText || tls.trust.size() > kMaxText ||
        std::ranges::any_of(tls.names, [](const auto& name) { return name.value.size() > kMaxText; }))
      return "TLS to the outside has a text or list that is too long: " + workload.name;
  }
  for (const auto& inbound : workload.inbounds) {
    if (inbound.name.size() > kMaxText || long_text(inbound.identities) ||
        inbound.identities.size() > kMaxListPerWorkload) {
      return "an inbound's list or name is too long: " + workload.name;
    }
  }
  return {};
}

// What the codec refuses to read must not be written, or a table would fail at the other end only. Workloads
// and services are looked at one by one.
std::string check_limits(const TableImage& image) {
  if (image.rules.size() > kMaxRules || image.meshes.size() > kMaxMeshes ||
      image.permissions.size() > kMaxPermissionSets || image.workloads.size() > kMaxWorkloads ||
      image.services.size() > kMaxServices || image.outbounds.size() > kMaxOutbounds ||
      image.system_authorities.size() > kMaxPem || image.system_authorities_digest.size() > kMaxText ||
      long_text(image.meshes)) {
    return "too many entries in one list";
  }
  if (auto problem = check_rule_limits(image); !problem.empty()) return problem;
  for (const auto& outbound : image.outbounds) {
    if (outbound.addresses.size() > kMaxListPerWorkload) return "too many addresses of one outbound";
  }
  return {};
}

std::string check_whole(const TableImage& image, const WorkloadImage& workload) {
  if (auto problem = check_workload_limits(workload); !problem.empty()) return problem;
  if (auto problem = check_workload(image, workload); !problem.empty()) return problem + ": " + workload.name;
  return check_http(image, workload);
}

void raise(std::uint32_t& limit, std::uint32_t number) {
  if (number != kNone) limit = std::max(limit, number + 1);
}

void raise(std::uint32_t& limit, RuleIndex rule) {
  raise(limit, static_cast<std::uint32_t>(rule));
}

void add_references(const WorkloadImage& workload, References& out) {
  raise(out.meshes, workload.mesh);
  raise(out.rules, workload.passthrough_rule);
  raise(out.rules, workload.passthrough_connect_timeout.rule);
  raise(out.rules, workload.passthrough_idle_timeout.rule);
  for (const auto& match : workload.passthrough_matches) raise(out.rules, match.rule);
  for (const auto& inbound : workload.inbounds) {
    if (inbound.tls_mode != TlsMode::off) raise(out.permissions, inbound.permissions);
    raise(out.rules, inbound.connect_timeout.rule);
    raise(out.rules, inbound.idle_timeout.rule);
    raise(out.rules, inbound.connection_rate.rule);
    raise(out.http_inbounds, inbound.http);
    raise(out.clusters, inbound.cluster);
  }
}

// `numbers`: those of the local workloads before it are in it.
std::string check_number(const WorkloadImage& workload, WorkloadNumbers& numbers) {
  const auto key = number(workload.id);
  if (numbers.find(key) != nullptr) return "two workloads with one number: " + workload.name;
  numbers.insert(key, true);
  return {};
}

// Of the earlier image's, only local workloads are looked at again.
std::string check_workloads(const TableImage& image, References& references, const CheckedImage* before) {
  WorkloadNumbers numbers;
  const PartList<WorkloadImage> none;
  PartSearch known(before == nullptr ? none : before->image.workloads);
  for (const auto& part : image.workloads.parts()) {
    if (!part->local && known.find([&](const auto& one) { return one == part; }) != nullptr) continue;
    if (auto problem = check_whole(image, *part); !problem.empty()) return problem;
    if (!part->local) {
      add_references(*part, references);
    } else if (auto problem = check_number(*part, numbers); !problem.empty()) {
      return problem;
    }
  }
  return {};
}

std::string check_services(const TableImage& image, References& references, const CheckedImage* before) {
  const bool same = before != nullptr && before->same_places;
  for (std::size_t i = 0; i < image.services.size(); ++i) {
    if (same && image.services.parts()[i] == before->image.services.parts()[i]) continue;
    if (auto problem = check_service(image, image.services[i]); !problem.empty()) return problem;
    raise(references.meshes, image.services[i].mesh);
  }
  return {};
}

}  // namespace

bool References::hold_in(const TableImage& image) const {
  return rules <= image.rules.size() && meshes <= image.meshes.size() &&
         permissions <= image.permissions.size() && http_inbounds <= image.http_inbounds.size() &&
         clusters == 0;
}

std::string check_image(const TableImage& image, References& references, const CheckedImage* before) {
  if (auto problem = check_limits(image); !problem.empty()) return problem;
  if (image.rules.empty() || !image.rules.front().policy.empty()) return "rule 0 must be the built-in one";
  if (before != nullptr && !before->references.hold_in(image)) before = nullptr;
  references = before == nullptr ? References{} : before->references;
  if (auto problem = check_workloads(image, references, before); !problem.empty()) return problem;
  if (auto problem = check_services(image, references, before); !problem.empty()) return problem;
  if (auto problem = check_permissions(image); !problem.empty()) return problem;
  if (auto problem = check_outbounds(image); !problem.empty()) return problem;
  return check_http(image);
}

}  // namespace sluice::policy

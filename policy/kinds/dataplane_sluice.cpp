// The `sluice:` block binds a Dataplane to a node and to what runs there:
//   sluice: {node: edge-1, attach: {netns: /run/netns/web}, failMode: closed-fast, encryptSameNode: true}
#include <string>

#include "policy/document/plain_text.h"
#include "policy/kinds/registry.h"

namespace sluice::policy {

using namespace schema;

Schema dataplane_sluice_schema() {
  return object(
      {{"node", text()},
       {"attach",
        object({{"cgroup", text()}, {"unit", text()}, {"netns", text()}, {"tap", text()}, {"pod", text()}})},
       {"failMode", one_of({"closed-fast", "closed", "open"})},
       {"encryptSameNode", boolean()}});
}

namespace {

bool is_absolute(std::string_view path) {
  return path.starts_with('/') && path.find("/../") == std::string_view::npos && !path.ends_with("/..") &&
         path.size() < 4096;
}

void validate_target(Validator& validator, const Entry& target) {
  const std::string path = "sluice.attach." + target.key;
  const auto& value = target.value.scalar;
  if (value.empty()) return validator.error(target.value, path, "cannot be empty");
  if (const auto problem = control_problem(value); !problem.empty())
    return validator.error(target.value, path, "cannot hold " + problem, kWriteItPlainly);
  if ((target.key == "cgroup" || target.key == "netns") && !is_absolute(value)) {
    validator.error(target.value, path, "must be an absolute path without '..'",
                    target.key == "netns" ? "write for example /run/netns/web"
                                          : "write the cgroup's path below its mount, /web");
  }
  if (target.key == "tap" && (value.size() > 15 || value.find('/') != std::string::npos)) {
    validator.error(target.value, path, "must be an interface name of at most 15 characters");
  }
  if (target.key == "pod" && value.find('/') == std::string::npos) {
    validator.error(target.value, path, "must be namespace/name");
  }
  if (target.key == "unit" && value.find('/') != std::string::npos) {
    validator.error(target.value, path, "must be the name of a systemd unit",
                    "write for example nginx.service");
  }
}

}  // namespace

void validate_dataplane_sluice(Validator& validator, const Node& block) {
  if (block.text_of("node").empty()) {
    validator.error(block, "sluice.node", "cannot be empty",
                    "write the node's name, as in its sluiced configuration");
  }
  if (const auto problem = control_problem(block.text_of("node")); !problem.empty())
    validator.error(block, "sluice.node", "cannot hold " + problem, kWriteItPlainly);
  const auto* attach = block.find("attach");
  if (attach == nullptr || attach->size() != 1) {
    return validator.error(attach == nullptr ? block : *attach, "sluice.attach",
                           "exactly one attachment must be given",
                           "write one of cgroup, unit, netns, tap, pod");
  }
  for (const auto& target : attach->fields) validate_target(validator, target);
  const auto* encrypt = block.find("encryptSameNode");
  const bool in_host_namespace = attach->find("cgroup") != nullptr || attach->find("unit") != nullptr;
  if (encrypt != nullptr && encrypt->as_boolean() == true && in_host_namespace) {
    validator.error(
        *encrypt, "sluice.encryptSameNode", "needs a network namespace of the workload's own",
        "attach by netns, or leave it to the other end: processes of one namespace meet without a wire");
  }
}

}  // namespace sluice::policy

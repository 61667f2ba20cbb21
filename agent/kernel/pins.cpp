#include "kernel/pins.h"

#include <bpf/bpf.h>
#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstring>
#include <filesystem>
#include <string_view>

#include "base/fd.h"
#include "kernel/guard_filter.h"
#include "kernel/map.h"

namespace sluice::kernel {
namespace {

namespace fs = std::filesystem;

std::optional<Generation> parse_generation(const std::string& pin_root, const std::string& name) {
  Generation generation;
  const char* end = name.data() + name.size();
  const auto abi = std::from_chars(name.data(), end, generation.abi);
  if (abi.ec != std::errc() || abi.ptr == end || *abi.ptr != '-') return std::nullopt;
  const auto number = std::from_chars(abi.ptr + 1, end, generation.number);
  if (number.ec != std::errc() || number.ptr != end) return std::nullopt;
  generation.directory = pin_root + "/" + name;
  return generation;
}

std::string_view field(const char* text, std::size_t size) {
  return {text, strnlen(text, size)};
}

std::unexpected<Fault> other_abi(const Generation& found) {
  const bool we_are_older = found.abi > SLUICE_ABI_VERSION;
  return fault(fmt::format("{} holds programs of kernel ABI {}, this program has ABI {}: {} is the older one",
                           found.directory, found.abi, SLUICE_ABI_VERSION,
                           we_are_older ? "this program" : "what is loaded"),
               we_are_older ? "start the newer version again, or remove it with its own `sluice uninstall`"
                            : "upgrade with `sluice upgrade`, or run `sluice uninstall` first");
}

Outcome<> make_directory(const std::string& path) {
  if (::mkdir(path.c_str(), 0700) == 0 || errno == EEXIST) return {};
  return fault_errno("create " + path, errno, "is a bpffs mounted there? mount -t bpf bpf /sys/fs/bpf");
}

void remove_filters(const std::string& directory, std::vector<std::string>& left) {
  Fd fd(bpf_obj_get((directory + "/maps/guards").c_str()));
  if (!fd) return;
  const RawMap guards("guards", std::move(fd));
  const auto walked = guards.each_key(sizeof(std::uint32_t), SLUICE_MAX_GUARDS, [&](const void* key) {
    const auto ifindex = *static_cast<const std::uint32_t*>(key);
    const auto removed = remove_guard_filter(ifindex);
    if (!removed)
      left.push_back(fmt::format("tc filter on interface {}: {}", ifindex, removed.error().message));
  });
  if (!walked) left.push_back(walked.error().message);
}

}  // namespace

std::vector<std::string> list_names(const std::string& directory) {
  std::vector<std::string> names;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator(directory, error)) names.push_back(entry.path().filename());
  std::ranges::sort(names);
  return names;
}

std::vector<Generation> list_generations(const std::string& pin_root) {
  std::vector<Generation> generations;
  for (const auto& name : list_names(pin_root))
    if (const auto generation = parse_generation(pin_root, name)) generations.push_back(*generation);
  return generations;
}

Outcome<PinPlan> plan_pins(const std::string& pin_root, std::uint32_t generation, bool side_by_side,
                           const std::vector<Generation>& present, const std::optional<sluice_owner>& owner,
                           const std::string& node, const std::string& instance) {
  if (node.empty() || node.size() >= sizeof(sluice_owner::node) ||
      instance.size() >= sizeof(sluice_owner::instance))
    return fault("the names of node and instance must have 1 to 63 bytes", "see `node` in the configuration");
  PinPlan plan{fmt::format("{}/{}-{}", pin_root, SLUICE_ABI_VERSION, generation), false};
  for (const auto& found : present)
    if (found.abi != SLUICE_ABI_VERSION && !side_by_side) return other_abi(found);
  if (!owner) return plan;
  if (owner->abi_version != SLUICE_ABI_VERSION)
    return other_abi({owner->abi_version, generation, plan.directory});
  const auto owner_node = field(owner->node, sizeof(owner->node));
  const auto owner_instance = field(owner->instance, sizeof(owner->instance));
  if (owner_node != node || owner_instance != instance)
    return fault(fmt::format("{} belongs to instance \"{}\" of node \"{}\", not to \"{}\" of \"{}\"",
                             plan.directory, owner_instance, owner_node, instance, node),
                 "give each instance its own pin directory");
  plan.take_over = true;
  return plan;
}

Outcome<std::optional<sluice_owner>> read_owner(const std::string& directory) {
  Fd fd(bpf_obj_get((directory + "/maps/owner").c_str()));
  if (!fd) {
    if (errno == ENOENT) return std::nullopt;
    return fault_errno("open " + directory + "/maps/owner", errno);
  }
  bpf_map_info info{};
  __u32 size = sizeof(info);
  if (bpf_obj_get_info_by_fd(fd.get(), &info, &size) != 0) return fault_errno("read the owner record", errno);
  // The ABI number is the first word in every version; the rest is only read when the layout is ours.
  std::vector<char> value(std::max<std::size_t>(info.value_size, sizeof(sluice_owner)));
  const __u32 zero = 0;
  if (bpf_map_lookup_elem(fd.get(), &zero, value.data()) != 0)
    return fault_errno("read the owner record", errno);
  sluice_owner owner{};
  std::memcpy(&owner, value.data(),
              info.value_size == sizeof(owner) ? sizeof(owner) : sizeof(owner.abi_version));
  // A start that ended before it signed leaves zeros: nobody owns it.
  return owner.abi_version == 0 ? std::nullopt : std::optional(owner);
}

Outcome<> make_pin_directories(const std::string& directory) {
  const auto parent = directory.substr(0, directory.rfind('/'));
  for (const auto& path : {parent, directory, directory + "/maps", directory + "/links"})
    if (const auto made = make_directory(path); !made) return made;
  return {};
}

bool link_in_force(const std::string& path) {
  const Fd link(bpf_obj_get(path.c_str()));
  bpf_link_info info{};
  __u32 size = sizeof(info);
  if (!link || bpf_obj_get_info_by_fd(link.get(), &info, &size) != 0) return false;
  // A detached link has forgotten where it was. TCX (newer than Debian 12's header) keeps the interface where
  // a namespace link keeps its inode.
  return info.type == BPF_LINK_TYPE_CGROUP ? info.cgroup.cgroup_id != 0 : info.netns.netns_ino != 0;
}

Outcome<> remove_link(const std::string& path) {
  const Fd link(bpf_obj_get(path.c_str()));
  if (!link) {
    if (errno == ENOENT) return {};
    return fault_errno("open pinned link " + path, errno);
  }
  // Detaching acts at once even if another process still holds the link. Links that lost their namespace,
  // cgroup or device already report an error here, and have nothing left to detach.
  bpf_link_detach(link.get());
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fault_errno("unpin " + path, errno);
  return {};
}

void remove_generation(const Generation& generation, std::vector<std::string>& left) {
  const auto& directory = generation.directory;
  remove_filters(directory, left);
  for (const auto& name : list_names(directory + "/links"))
    if (const auto removed = remove_link(directory + "/links/" + name); !removed)
      left.push_back(removed.error().message);
  for (const auto& name : list_names(directory + "/maps")) ::unlink((directory + "/maps/" + name).c_str());
  for (const auto& path : {directory + "/links", directory + "/maps", directory})
    if (::rmdir(path.c_str()) != 0 && errno != ENOENT) left.push_back(path + ": " + std::strerror(errno));
}

}  // namespace sluice::kernel

// The pin directory: generations, their owner records, and removal of all of it.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "abi.h"
#include "base/result.h"

namespace sluice::kernel {

struct Generation {
  std::uint32_t abi = 0;
  std::uint32_t number = 0;
  std::string directory;
};

// "<abi>-<number>" directories below pin_root; other names are ignored. Empty when pin_root does not exist.
std::vector<Generation> list_generations(const std::string& pin_root);

struct PinPlan {
  std::string directory;
  bool take_over = false;
};
// Which directory a start uses, or why it must not start. Pure: `owner` is the record found in the directory,
// if any.
Outcome<PinPlan> plan_pins(const std::string& pin_root, std::uint32_t generation, bool side_by_side,
                           const std::vector<Generation>& present, const std::optional<sluice_owner>& owner,
                           const std::string& node, const std::string& instance);

// The record pinned in <directory>/maps/owner; nothing when there is none.
Outcome<std::optional<sluice_owner>> read_owner(const std::string& directory);

// Makes <directory>/maps and <directory>/links.
Outcome<> make_pin_directories(const std::string& directory);

std::vector<std::string> list_names(const std::string& directory);

// Detaches and unpins every link, the tc filters of `guards`, the maps and the directories. Appends to `left`
// what stayed and why.
void remove_generation(const Generation& generation, std::vector<std::string>& left);

// False when there is no such link, or when somebody has detached it: the pin outlives the attachment.
bool link_in_force(const std::string& path);

// Detaches a pinned link and removes its pin; nothing happens when the pin does not exist.
Outcome<> remove_link(const std::string& path);

}  // namespace sluice::kernel

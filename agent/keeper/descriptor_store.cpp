#include "keeper/descriptor_store.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#include <charconv>
#include <cstdlib>
#include <string_view>

namespace sluice::keeper {
namespace {

void store(std::uint32_t workload, const char* part, const Fd& fd) {
  if (!fd) return;
  const auto text = fmt::format("FDSTORE=1\nFDPOLL=0\nFDNAME={}.{}", part, workload);
  const int descriptor = fd.get();
  sd_pid_notify_with_fds(0, 0, text.c_str(), &descriptor, 1);
}

// The place in `held` for a stored descriptor of this name; null when the name is not ours.
Fd* place_of(std::string_view name, std::map<std::uint32_t, HeldWorkload>& held) {
  const auto dot = name.find('.');
  if (dot == name.npos) return nullptr;
  std::uint32_t workload = 0;
  const auto digits = name.substr(dot + 1);
  const auto parsed = std::from_chars(digits.begin(), digits.end(), workload);
  if (parsed.ec != std::errc() || parsed.ptr != digits.end()) return nullptr;
  const auto part = name.substr(0, dot);
  if (part == "out") return &held[workload].out;
  if (part == "in") return &held[workload].in;
  if (part == "netns") return &held[workload].netns;
  return nullptr;
}

bool complete(HeldWorkload& held) {
  held.claimed = false;
  if (!held.out || !held.in) return false;
  if (!held.netns) return true;
  struct stat info{};
  if (::fstat(held.netns.get(), &info) != 0) return false;
  held.device = info.st_dev;
  held.inode = info.st_ino;
  return true;
}

}  // namespace

void notify_ready() {
  sd_notify(0, "READY=1");
}

void notify_stopping() {
  sd_notify(0, "STOPPING=1");
}

void notify_status(const char* text) {
  sd_notifyf(0, "STATUS=%s", text);
}

void store_workload(std::uint32_t workload, const HeldWorkload& held) {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) return;
  store(workload, "out", held.out);
  store(workload, "in", held.in);
  store(workload, "netns", held.netns);
}

void unstore_workload(std::uint32_t workload) {
  if (std::getenv("NOTIFY_SOCKET") == nullptr) return;
  for (const char* part : {"out", "in", "netns"})
    sd_notify(0, fmt::format("FDSTOREREMOVE=1\nFDNAME={}.{}", part, workload).c_str());
}

std::map<std::uint32_t, HeldWorkload> stored_workloads() {
  std::map<std::uint32_t, HeldWorkload> held;
  char** names = nullptr;
  const int count = sd_listen_fds_with_names(1, &names);
  for (int i = 0; i < count; ++i) {
    Fd fd(SD_LISTEN_FDS_START + i);
    if (Fd* place = place_of(names[i], held)) *place = std::move(fd);
    std::free(names[i]);
  }
  std::free(names);
  for (auto entry = held.begin(); entry != held.end();)
    entry = complete(entry->second) ? std::next(entry) : held.erase(entry);
  return held;
}

}  // namespace sluice::keeper

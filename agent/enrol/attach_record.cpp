#include "enrol/attach_record.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <optional>
#include <sstream>

#include <fmt/format.h>

#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

constexpr std::size_t kFileMax = 64 * 1024;

// Lines "key value"; a value reaches to the end of its line.
std::string text_of(const AttachRecord& record, const std::string& boot_id) {
  std::string text =
      fmt::format("boot {}\nworkload {}\nname {}\nkind {}\npath {}\ncookie {}\n", boot_id, record.workload,
                  record.name, record.in_namespace ? "netns" : "cgroup", record.path, record.netns_cookie);
  for (const auto& entry : record.sysctls.entries)
    text += fmt::format("sysctl {} {}\n", entry.name, entry.value);
  return text;
}

// Nothing for a record of another boot or a damaged one.
std::optional<AttachRecord> parse(const std::string& text, const std::string& boot_id) {
  AttachRecord record;
  bool ours = false;
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    std::istringstream fields(line);
    std::string key;
    fields >> key;
    const std::string value = line.size() > key.size() ? line.substr(key.size() + 1) : "";
    if (key == "boot") ours = value == boot_id;
    if (key == "workload") fields >> record.workload;
    if (key == "name") record.name = value;
    if (key == "kind") record.in_namespace = value == "netns";
    if (key == "path") record.path = value;
    if (key == "cookie") fields >> record.netns_cookie;
    if (key == "sysctl") {
      kernel::SavedSysctls::Entry entry;
      fields >> entry.name;
      const auto name_end = std::string_view("sysctl ").size() + entry.name.size() + 1;
      if (name_end <= line.size())
        entry.value = line.substr(name_end);  // may be empty: no ports are reserved
      record.sysctls.entries.push_back(entry);
    }
    if (fields.fail()) return std::nullopt;
  }
  if (!ours || record.path.empty() || record.netns_cookie == 0) return std::nullopt;
  return record;
}

}  // namespace

std::string AttachRecords::path_of(std::uint32_t workload) const {
  return fmt::format("{}/{}", directory_, workload);
}

Outcome<AttachRecords> AttachRecords::open(std::string directory, std::string boot_id) {
  if (auto made = make_directory(directory, 0700); !made) return std::unexpected(made.error());
  AttachRecords out(std::move(directory), std::move(boot_id));
  std::error_code error;
  std::vector<std::string> stale;
  for (const auto& entry : std::filesystem::directory_iterator(out.directory_, error)) {
    const auto text = read_bounded(entry.path().string(), kFileMax);
    auto record = text ? parse(*text, out.boot_id_) : std::nullopt;
    if (record)
      out.records_.push_back(std::move(*record));
    else
      stale.push_back(entry.path().string());
  }
  for (const auto& path : stale)
    if (auto removed = remove_durably(path); !removed) return std::unexpected(removed.error());
  return out;
}

const AttachRecord* AttachRecords::find(std::uint32_t workload) const {
  const auto found = std::ranges::find(records_, workload, &AttachRecord::workload);
  return found == records_.end() ? nullptr : &*found;
}

Outcome<> AttachRecords::save(const AttachRecord& record) {
  if (auto written = write_whole({path_of(record.workload), text_of(record, boot_id_)}); !written)
    return written;
  std::erase_if(records_, [&](const AttachRecord& r) { return r.workload == record.workload; });
  records_.push_back(record);
  return {};
}

Outcome<> AttachRecords::forget(std::uint32_t workload) {
  std::erase_if(records_, [&](const AttachRecord& r) { return r.workload == workload; });
  const auto path = path_of(workload);
  if (::unlink(path.c_str()) != 0 && errno != ENOENT) return fault_errno("cannot remove " + path, errno);
  return {};
}

}  // namespace sluice::agent

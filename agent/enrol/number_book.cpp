#include "enrol/number_book.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string_view>

#include <fmt/format.h>

#include "resources/durable_file.h"

namespace sluice::agent {
namespace {

constexpr std::size_t kFileMax = 64 << 20;
constexpr const char* kNextStep = "remove the file: meshes and workloads get new numbers";

}  // namespace

Outcome<NumberBook> NumberBook::open(std::string path, policy::Numbers& numbers) {
  NumberBook book(std::move(path));
  if (::access(book.path_.c_str(), F_OK) != 0) return book;
  auto text = read_bounded(book.path_, kFileMax);
  if (!text) return std::unexpected(text.error());
  std::string_view rest = *text;
  while (!rest.empty()) {
    const auto end = std::min(rest.find('\n'), rest.size());
    auto line = rest.substr(0, end);
    rest.remove_prefix(std::min(end + 1, rest.size()));
    Entry entry;
    entry.mesh = line.starts_with("mesh ");
    if (!entry.mesh && !line.starts_with("workload ")) return fault(book.path_ + " is damaged", kNextStep);
    line.remove_prefix(entry.mesh ? 5 : 9);
    const auto [stop, error] = std::from_chars(line.data(), line.data() + line.size(), entry.number);
    const auto used = static_cast<std::size_t>(stop - line.data());
    if (error != std::errc{} || used + 1 >= line.size()) return fault(book.path_ + " is damaged", kNextStep);
    entry.name = line.substr(used + 1);
    if (auto replayed = book.replay(entry, numbers); !replayed) return std::unexpected(replayed.error());
    book.entries_.push_back(std::move(entry));
  }
  return book;
}

Outcome<> NumberBook::replay(const Entry& entry, policy::Numbers& numbers) {
  auto& count = entry.mesh ? meshes_ : workloads_;
  if (entry.number <= count || entry.number >= kFirstRemoteWorkload)
    return fault(path_ + " is out of order", kNextStep);
  const auto ask = [&](const std::string& mesh, const std::string& name) {
    return entry.mesh ? numbers.mesh(mesh) : number(numbers.workload(mesh, name));
  };
  // A number whose owner was never enrolled is not in the book, and is not given again either.
  while (count + 1 < entry.number) ask(fmt::format(" {}", ++count), {});
  const auto space = entry.name.find(' ');
  if (!entry.mesh && space == std::string::npos) return fault(path_ + " is damaged", kNextStep);
  const auto given =
      ask(entry.name.substr(0, space), entry.mesh ? std::string() : entry.name.substr(space + 1));
  if (given != entry.number) return fault(path_ + " is out of order", kNextStep);
  count = entry.number;
  return {};
}

bool NumberBook::has(bool mesh, std::uint32_t wanted) const {
  return std::ranges::any_of(entries_, [&](const Entry& e) { return e.mesh == mesh && e.number == wanted; });
}

Outcome<> NumberBook::record(const policy::Compiled& compiled) {
  std::vector<Entry> fresh;
  for (const auto& mesh : compiled.kernel.meshes)
    if (!has(true, mesh.number)) fresh.push_back({true, mesh.number, mesh.name});
  for (const auto& workload : compiled.workloads)
    if (!has(false, number(workload.id)))
      fresh.push_back({false, number(workload.id), workload.mesh + " " + workload.name});
  if (fresh.empty()) return {};
  std::ranges::sort(fresh, {}, &Entry::number);
  const auto before = entries_.size();
  entries_.insert(entries_.end(), fresh.begin(), fresh.end());
  std::string text;
  for (const auto& entry : entries_)
    text += fmt::format("{} {} {}\n", entry.mesh ? "mesh" : "workload", entry.number, entry.name);
  auto written = write_durably({{path_, text}});
  if (!written) entries_.resize(before);
  return written;
}

}  // namespace sluice::agent

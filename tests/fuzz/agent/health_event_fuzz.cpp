// What a proxy that is not what it should be sends as an event of a health check: nothing is written outside
// the directory, each event is a line of JSON, and the files stay within their number.
#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "app/health_files.h"
#include "control/json.h"

namespace {

namespace fs = std::filesystem;
using namespace sluice;

void require(bool holds) {
  if (!holds) std::abort();
}

// Deep enough for what climbs out to land in `root`.
struct Place {
  Place() { fs::create_directories(below.parent_path()); }
  ~Place() { fs::remove_all(root); }
  static fs::path made() {
    std::string pattern = fs::temp_directory_path() / "sluice-health-XXXXXX";
    return ::mkdtemp(pattern.data());
  }
  const fs::path root = made();
  const fs::path below = root / "a/b/c/health";
};

void require_sound(const Place& place) {
  for (fs::path at = place.root; at != place.below.parent_path();
       at /= fs::directory_iterator(at)->path().filename())
    require(std::distance(fs::directory_iterator(at), fs::directory_iterator()) == 1);
  if (!fs::exists(place.below)) return;
  for (const auto& entry : fs::recursive_directory_iterator(place.below)) {
    require(!entry.is_symlink());
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path());
    for (std::string line; std::getline(in, line);) require(control::Json::accept(line));
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  static const Place place;
  static Log log("fuzz", LogLevel::error);
  agent::HealthFiles files(place.below.string(), log);
  // The path by itself, then the rest of the event, so that short inputs have both.
  if (size == 0) return 0;
  const std::size_t path_size = std::min<std::size_t>(data[0] * 4U, size - 1);
  message::HealthEvent event;
  (void)message::put_text(event.path, {reinterpret_cast<const char*>(data) + 1, path_size});
  const auto* rest = data + 1 + path_size;
  std::memcpy(&event, rest, std::min(size - 1 - path_size, offsetof(message::HealthEvent, path)));
  std::vector<policy::ClusterImage> clusters(1);
  clusters[0].health.event_log = message::text_of(event.path);
  files.take(event, clusters);
  require(files.written() + files.refused() == 1);
  require_sound(place);
  fs::remove_all(place.below);
  return 0;
}

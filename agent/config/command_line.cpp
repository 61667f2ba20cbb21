// Command line -> configuration.
#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <memory>

#include "base/address.h"
#include "config/config.h"

namespace sluice::agent {
namespace {

constexpr std::size_t kFileMax = 64 * 1024;

Outcome<std::string> read_file(const std::string& path) {
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "re"), &std::fclose);
  if (!file) return fault_errno("cannot open configuration file " + path, errno, "check --config");
  std::string text(kFileMax + 1, '\0');
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) return fault_errno("cannot read configuration file " + path, errno);
  if (size > kFileMax)
    return fault(fmt::format("configuration file {} is larger than {} bytes", path, kFileMax));
  text.resize(size);
  return text;
}

Outcome<> apply_file(Config& config, const std::string& path) {
  auto text = read_file(path);
  if (!text) return std::unexpected(text.error());
  auto settings = parse_config(*text, path);
  if (!settings) return std::unexpected(settings.error());
  for (const auto& setting : *settings)
    if (auto set = set_config(config, setting); !set) return set;
  return {};
}

Outcome<> check_whole(const Config& config) {
  if ((config.capture_mark & ~config.capture_mark_mask) != 0)
    return fault("capture.mark has bits outside capture.mark_mask");
  for (const auto* path : {&config.paths_state_dir, &config.paths_run_dir, &config.paths_pin_root})
    if (!path->starts_with('/')) return fault(fmt::format("'{}' must be an absolute path", *path));
  for (const auto& path : config.identity_crl_files)
    if (!path.starts_with('/'))
      return fault(fmt::format("identity.crl_files: '{}' must be an absolute path", path));
  if (config.paths_cgroup.empty() || config.paths_cgroup.find("..") != std::string::npos)
    return fault("paths.cgroup must name a cgroup of Sluice's own");
  if (!config.metrics_address.empty() && !SocketAddr::parse(config.metrics_address))
    return fault(fmt::format("metrics.address '{}' is not address:port", config.metrics_address));
  for (const auto& resolver : config.capture_resolvers)
    if (!IpAddr::parse(resolver))
      return fault(fmt::format("capture.resolvers: '{}' is no IP address", resolver));
  return {};
}

}  // namespace

Outcome<CommandLine> read_command_line(std::span<const std::string> arguments) {
  CommandLine out;
  std::vector<Setting> settings;
  for (std::size_t i = 0; i < arguments.size(); ++i) {
    std::string_view word = arguments[i];
    if (word == "--help" || word == "-h") {
      out.help = true;
      continue;
    }
    if (word == "--dump") {
      out.dump = true;
      continue;
    }
    if (!word.starts_with("--"))
      return fault(fmt::format("'{}' is not an option", word), "see sluiced --help");
    word.remove_prefix(2);
    std::string value;
    if (const auto equals = word.find('='); equals != std::string_view::npos) {
      value = word.substr(equals + 1);
      word = word.substr(0, equals);
    } else if (i + 1 < arguments.size()) {
      value = arguments[++i];
    } else {
      return fault(fmt::format("--{} needs a value", word), "see sluiced --help");
    }
    if (word == "config")
      out.config_file = value;
    else
      settings.push_back({std::string(word), {value}, "command line"});
  }
  if (out.help) return out;
  if (!out.config_file.empty())
    if (auto read = apply_file(out.config, out.config_file); !read) return std::unexpected(read.error());
  for (const auto& setting : settings)
    if (auto set = set_config(out.config, setting); !set) return std::unexpected(set.error());
  if (auto whole = check_whole(out.config); !whole) return std::unexpected(whole.error());
  return out;
}

}  // namespace sluice::agent

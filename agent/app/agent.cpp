#include "app/agent.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <set>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include "names/name_file.h"
#include "policy/engine/external_tls.h"
#include "policy/table/codec.h"

namespace sluice::agent {
namespace {

// A tool that writes many files is answered by one compilation.
constexpr auto kDebounce = Millis(30);
// By whom servers outside the mesh are judged whose MeshExternalService names nobody.
constexpr std::array kSystemAuthorities{"/etc/ssl/certs/ca-certificates.crt",
                                        "/etc/pki/tls/certs/ca-bundle.crt"};

// Several addresses that come at once are one piece of news, and a namespace that changes without end costs
// little.
constexpr auto kAddressDebounce = Millis(30);

// Listeners that the keeper makes for many workloads are taken over together.
constexpr auto kWorkPause = Millis(2);

constexpr auto kFlowSweepEvery = std::chrono::minutes(1);
constexpr auto kFlowAgeMax = std::chrono::seconds(300);  // longer than the kernel goes on trying a SYN

}  // namespace

Agent::Agent(AgentParts parts, std::unique_ptr<Store> store, NumberBook book, policy::Numbers numbers,
             Loop& loop, Log& log, const Clock& clock)
    : parts_(std::move(parts)),
      loop_(loop),
      log_(log),
      clock_(clock),
      started_(clock.wall()),
      store_(std::move(store)),
      numbers_(std::move(numbers)),
      book_(std::move(book)),
      certificates_(parts_.config, clock),
      events_(loop, log, parts_.config.limits_events),
      health_files_(parts_.config.paths_health_events, log),
      keeper_(loop, log, std::move(parts_.keeper_channel),
              {[this](WorkloadId id, Outcome<Listeners> listeners) {
                 enrolment_.listeners_ready(id, std::move(listeners));
                 work_soon();
               },
               [this](Fd link, std::int32_t pid) { link_.attach(std::move(link), pid); },
               [this](const message::ChildState& state) {
                 proxy_ = state;
                 link_.set_serving(state.running != 0 ? state.pid : 0);
                 if (state.wait_status != 0)
                   log_.warn("the proxy has ended (wait status {})", state.wait_status);
               },
               [this] { loop_.stop(); }}),
      link_(
          loop, log, clock, [this] { on_link_change(); },
          [this](const message::HealthEvent& event) {
            health_files_.take(event, table_ ? std::span(table_->image().clusters)
                                             : std::span<const policy::ClusterImage>{});
          }),
      enrolment_(parts_.config, parts_.enrolment, *parts_.programs, keeper_, std::move(parts_.records),
                 std::move(parts_.host_netns), log),
      names_(
          [servers = parts_.dns_servers](const std::vector<std::string>& names, const std::stop_token& stop) {
            return look_up_by_dns(names, servers, stop);
          },
          NameRules{}, [this] { loop_.post([this] { on_names(); }); }) {
  names_.remember(read_names(names_file()));
}

Outcome<> Agent::begin() {
  if (auto opened = events_.open(parts_.programs->maps().events.fd()); !opened) return opened;
  auto directory = DirectoryWatch::open(parts_.config.paths_resources_dir);
  if (!directory) return std::unexpected(directory.error());
  directory_ = std::move(*directory);
  loop_.watch_readable(directory_->fd(), [this] { on_directory_news(); });
  if (auto watched = watch_crls(); !watched) return watched;
  const int heartbeat = parts_.programs->maps().heartbeat.fd();
  if (auto started = keeper_.start_proxy(parts_.proxy_settings, heartbeat, parts_.proxy_executable.get());
      !started)
    return started;
  recompile();
  watch_addresses();
  loop_.after(parts_.config.limits_reconcile, [this] { on_tick(); });
  return {};
}

void Agent::on_directory_news() {
  if (!directory_->drain() || rescan_) return;
  rescan_ = loop_.after(kDebounce, [this] {
    rescan_.reset();
    if (!uninstalled_ && store_->rescan()) recompile();
  });
}

void Agent::on_tick() {
  if (uninstalled_) return;
  loop_.after(parts_.config.limits_reconcile, [this] { on_tick(); });
  directory_->attach();
  for (auto& watch : crl_watches_) watch.attach();
  // What a full disk kept out of force comes into force once there is space.
  if (store_->rescan() || !numbers_written_) {
    recompile();
    if (!compile_problem_) return;
  }
  refresh_certificates();  // sees CA files that were exchanged
  sweep_flows();
  tell_names();
  enrolment_.step();
  work_soon();
}

// What is left of the enrolments, a slice in each turn of the loop.
void Agent::work_soon() {
  if (std::exchange(work_due_, true)) return;
  loop_.after(kWorkPause, [this] {
    work_due_ = false;
    if (!uninstalled_ && enrolment_.work()) work_soon();
  });
}

// Connections that ended between connect() and established leave their note behind.
void Agent::sweep_flows() {
  const auto now = clock_.now();
  if (now - flows_swept_ < kFlowSweepEvery) return;
  flows_swept_ = now;
  const auto swept = parts_.programs->maps().sweep_flows(now, kFlowAgeMax);
  if (!swept) return log_.warn("old flows stay in their map: {}", swept.error().message);
  if (*swept != 0) log_.info("{} notes of connections that never came about were removed", *swept);
}

// sluice.failMode is optional in a Dataplane; the configuration says what it is then.
void Agent::default_fail_modes(policy::Compiled& compiled) const {
  const auto& word = parts_.config.capture_fail_mode;
  const auto mode = word == "open"     ? policy::FailMode::open
                    : word == "closed" ? policy::FailMode::closed
                                       : policy::FailMode::closed_fast;
  for (auto& workload : compiled.workloads) {
    const auto* found = store_->find("Dataplane/" + workload.mesh + "/" + workload.name);
    if (found == nullptr || found->document->resource->body.find_path({"sluice", "failMode"}) != nullptr)
      continue;
    workload.fail_mode = mode;
  }
}

void Agent::limit_connections(policy::TableImage& table) const {
  for (std::size_t i = 0; i < table.workloads.size(); ++i) {
    if (!table.workloads[i].local || table.workloads[i].max_connections != 0) continue;
    table.workloads.edit(i, [&](policy::WorkloadImage& workload) {
      workload.max_connections = static_cast<std::uint32_t>(parts_.config.limits_connections_per_workload);
    });
  }
}

// Without those of the system nobody outside can be trusted, which the proxy says of each connection.
void Agent::add_authorities(policy::TableImage& table) const {
  if (!policy::needs_system_authorities(table)) return;
  for (const char* path : kSystemAuthorities) {
    std::ifstream file(path, std::ios::binary);
    std::string text{std::istreambuf_iterator<char>(file), {}};
    if (!text.empty() && text.size() <= policy::kMaxPem)
      return policy::set_system_authorities(table, std::move(text));
  }
  log_.warn(
      "the system has no readable authorities at {}: servers outside that a document gives none for are "
      "not trusted",
      fmt::join(kSystemAuthorities, " or "));
}

void Agent::recompile() {
  auto compiled =
      compiler_.compile(store_->in_force(), parts_.config.node_name, {}, numbers_, names_.known());
  want_names(compiled);
  compile_problem_.reset();
  if (compiled.workloads.size() > parts_.config.limits_workloads)
    compile_problem_ = Fault{fmt::format("{} workloads are bound to this node, the limit is {}",
                                         compiled.workloads.size(), parts_.config.limits_workloads),
                             "raise limits.workloads; what was in force stays"};
  const auto recorded = book_.record(compiled);
  numbers_written_ = recorded.has_value();
  if (!numbers_written_) compile_problem_ = recorded.error();
  limit_connections(compiled.table);
  add_authorities(compiled.table);
  auto table = policy::Table::build(std::move(compiled.table), table_.get());
  if (!table)
    compile_problem_ = Fault{"compiled table is not valid: " + table.error(), "what was in force stays"};
  if (compile_problem_) return log_.error("resources are not in force: {}", compile_problem_->message);
  default_fail_modes(compiled);
  table_ = std::move(*table);
  compiled_ = compiled;
  refresh_certificates();
  link_.set(message::SectionKind::table, policy::encode(table_->image()));
  enrolment_.set_wanted(std::move(compiled));
  enrolment_.follow();
  work_soon();
  log_.info("{} resources compiled, table {:016x}", store_->in_force().size(), table_->content_hash());
}

void Agent::refresh_certificates() {
  std::vector<CertificateWish> wishes;
  for (const auto& workload : compiled_.workloads)
    if (workload.mtls) wishes.push_back({workload.id, workload.name, workload.mesh, workload.identities});
  const bool exchanged = certificates_.reload_authorities();
  bool changed = certificates_.update(wishes) || exchanged;
  if (certificates_.reload_crls()) {
    certificates_.update(wishes);  // a workload whose own certificate is listed gets another
    changed = true;
  }
  for (const auto& problem : certificates_.problems()) log_.error("certificates: {}", problem);
  for (const auto& problem : certificates_.exchange_problems()) log_.error("certificates: {}", problem);
  if (changed || link_.section(message::SectionKind::credentials).version == 0)
    link_.set(message::SectionKind::credentials, encode_credentials(certificates_.image()));
  plan_rotation();
  watch_authorities();
}

void Agent::plan_rotation() {
  if (rotation_) loop_.cancel(*rotation_);
  rotation_.reset();
  const auto next = certificates_.next_rotation();
  if (next == WallTime::max()) return;
  const auto wait = std::max<Nanos>(next - clock_.wall(), Millis(100));
  rotation_ = loop_.after(std::min<Nanos>(wait, std::chrono::hours(1)), [this] {
    rotation_.reset();
    refresh_certificates();
  });
}

// A revocation must not wait for the next tick, which is left for file systems that tell nothing.
Outcome<> Agent::watch_crls() {
  std::set<std::string> directories;
  for (const auto& path : parts_.config.identity_crl_files)
    directories.insert(std::filesystem::path(path).parent_path().string());
  for (const auto& directory : directories) {
    auto watch = DirectoryWatch::open(directory);
    if (!watch) return std::unexpected(watch.error());
    crl_watches_.push_back(std::move(*watch));
  }
  for (std::size_t i = 0; i < crl_watches_.size(); ++i)
    loop_.watch_readable(crl_watches_[i].fd(), [this, i] {
      if (crl_watches_[i].drain() && !uninstalled_) refresh_certificates();
    });
  return {};
}

void Agent::watch_authorities() {
  for (const auto& workload : compiled_.workloads) {
    if (!workload.mtls || ca_watches_.contains(workload.mesh)) continue;
    auto watch = DirectoryWatch::open(parts_.config.identity_ca_dir + "/" + workload.mesh);
    if (!watch) continue;
    const auto& kept = ca_watches_.emplace(workload.mesh, std::move(*watch)).first->second;
    loop_.watch_readable(kept.fd(), [this, mesh = workload.mesh] {
      if (ca_watches_.at(mesh).drain() && !uninstalled_) refresh_certificates();
    });
  }
}

// A call of a workload to itself, at an address that the maps do not know yet, is judged as egress.
void Agent::watch_addresses() {
  if (enrolment_.news_fd() < 0) return;
  address_watch_ = loop_.watch_readable(enrolment_.news_fd(), [this] {
    loop_.unwatch(address_watch_);
    loop_.after(kAddressDebounce, [this] {
      if (uninstalled_) return;
      enrolment_.address_news();
      watch_addresses();
    });
  });
}

bool Agent::settled() const {
  if (!link_.connected()) return false;
  for (const auto kind : {message::SectionKind::table, message::SectionKind::credentials})
    if (!link_.section(kind).answered) return false;
  return true;
}

bool Agent::table_in_force() const {
  const auto& section = link_.section(message::SectionKind::table);
  return section.version != 0 && section.accepted == section.version;
}

void Agent::when_settled(std::function<void(bool)> callback) {
  if (settled()) return callback(table_in_force());
  waiting_.push_back(std::move(callback));
}

void Agent::on_link_change() {
  if (!settled()) return;
  const auto waiting = std::exchange(waiting_, {});
  for (const auto& callback : waiting) callback(table_in_force());
}

void Agent::set_log_level(LogLevel level) {
  log_.set_level(level);
  link_.set_log_level(level);
}

Outcome<> Agent::upgrade() {
  if (proxy_.step != message::UpgradeStep::none)
    return fault("an upgrade is under way", "see `sluice status`");
  return keeper_.upgrade();
}

void Agent::shutdown() {
  if (auto sent = keeper_.shutdown(); !sent) {
    log_.error("cannot tell the keeper to end: {}", sent.error().message);
    loop_.stop();
  }
}

}  // namespace sluice::agent

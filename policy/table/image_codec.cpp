#include "policy/table/image_codec.h"

#include <cstring>

// One fields() per struct lists its members in wire order; Writer and Reader visit that list, so that the two
// directions cannot drift apart.
namespace sluice::policy {
namespace {

struct Writer {
  ByteWriter& out;

  template <typename T>
    requires(std::is_integral_v<T> || std::is_enum_v<T>)
  void number(const T& value) {
    out.number(value);
  }
  template <typename T>
  void choice(const T& value, T) {
    out.number(value);
  }
  void flag(const bool& value) { out.number(static_cast<std::uint8_t>(value)); }
  void text(const std::string& value) { out.text(value); }
  void address(const IpAddr& value) { out.raw(std::as_bytes(std::span(value.bytes))); }
  void duration(const Nanos& value) { out.number(static_cast<std::int64_t>(value.count())); }
  template <typename T, typename Each>
  void list(const std::vector<T>& values, std::size_t, std::uint32_t, Each each) {
    out.number(static_cast<std::uint32_t>(values.size()));
    for (const auto& value : values) each(*this, value);
  }
};

struct Reader {
  ByteReader& in;

  template <typename T>
  void number(T& value) {
    if constexpr (std::is_enum_v<T>) {
      value = static_cast<T>(in.number<std::underlying_type_t<T>>());
    } else {
      value = in.number<T>();
    }
  }
  template <typename T>
  void choice(T& value, T last) {
    const auto raw = in.number<std::uint8_t>();
    if (raw > static_cast<std::uint8_t>(last)) {
      in.set_failed();
      return;
    }
    value = static_cast<T>(raw);
  }
  void flag(bool& value) {
    const auto raw = in.number<std::uint8_t>();
    if (raw > 1) in.set_failed();
    value = raw == 1;
  }
  void text(std::string& value) { value = in.text(kMaxText); }
  void address(IpAddr& value) {
    const auto bytes = in.raw(value.bytes.size());
    if (bytes.size() == value.bytes.size()) std::memcpy(value.bytes.data(), bytes.data(), bytes.size());
  }
  void duration(Nanos& value) {
    const auto count = in.number<std::int64_t>();
    if (count < 0) in.set_failed();
    value = Nanos(count);
  }
  template <typename T, typename Each>
  void list(std::vector<T>& values, std::size_t min_size, std::uint32_t max, Each each) {
    const auto count = in.count(min_size, max);
    values.clear();
    for (std::uint32_t i = 0; i < count && !in.failed(); ++i) each(*this, values.emplace_back());
  }
};

template <typename V, typename T>
void endpoint(V& visit, T& value) {
  visit.address(value.ip);
  visit.number(value.port);
}

template <typename V, typename T>
void timeout(V& visit, T& value) {
  visit.duration(value.value);
  visit.number(value.rule);
}

constexpr auto kText = [](auto& visit, auto& value) { visit.text(value); };
constexpr auto kAddress = [](auto& visit, auto& value) { visit.address(value); };
constexpr auto kEndpoint = [](auto& visit, auto& value) { endpoint(visit, value); };

constexpr auto kRule = [](auto& visit, auto& value) {
  visit.text(value.policy);
  visit.text(value.file);
  visit.number(value.line);
};

constexpr auto kPermissionRule = [](auto& visit, auto& value) {
  visit.choice(value.action, PermissionAction::allow_shadow_deny);
  visit.list(value.conditions, 5, kMaxConditions, [](auto& v, auto& condition) {
    v.choice(condition.kind, Condition::Kind::sni_exact);
    v.text(condition.value);
  });
  visit.number(value.rule);
};

constexpr auto kPermissions = [](auto& visit, auto& value) {
  visit.choice(value.order, Permissions::Order::strongest_first);
  visit.list(value.rules, 9, kMaxPermissionRules, kPermissionRule);
};

constexpr auto kInbound = [](auto& visit, auto& value) {
  endpoint(visit, value.address);
  endpoint(visit, value.service_address);
  visit.text(value.name);
  visit.choice(value.protocol, Protocol::kafka);
  visit.choice(value.tls_mode, TlsMode::strict);
  visit.flag(value.ready);
  visit.number(value.permissions);
  visit.list(value.identities, 4, kMaxListPerWorkload, kText);
  timeout(visit, value.connect_timeout);
  timeout(visit, value.idle_timeout);
};

constexpr auto kMatch = [](auto& visit, auto& value) {
  visit.address(value.prefix.base);
  visit.number(value.prefix.length);
  visit.number(value.first_port);
  visit.number(value.last_port);
  visit.number(value.rule);
};

constexpr auto kWorkload = [](auto& visit, auto& value) {
  visit.number(value.id);
  visit.text(value.name);
  visit.number(value.mesh);
  visit.flag(value.local);
  visit.flag(value.mtls);
  visit.choice(value.undeclared, TlsMode::strict);
  visit.list(value.addresses, 16, kMaxListPerWorkload, kAddress);
  visit.list(value.identities, 4, kMaxListPerWorkload, kText);
  visit.list(value.inbounds, 75, kMaxListPerWorkload, kInbound);
  visit.choice(value.passthrough, PassthroughMode::none);
  visit.number(value.passthrough_rule);
  visit.list(value.passthrough_matches, 25, kMaxListPerWorkload, kMatch);
  timeout(visit, value.passthrough_connect_timeout);
  timeout(visit, value.passthrough_idle_timeout);
  visit.number(value.max_connections);
};

constexpr auto kService = [](auto& visit, auto& value) {
  visit.text(value.name);
  visit.number(value.mesh);
  visit.list(value.backends, 8, kMaxBackends, [](auto& v, auto& backend) {
    v.number(backend.workload);
    v.number(backend.inbound);
  });
  visit.list(value.vips, 18, kMaxListPerWorkload, kEndpoint);
};

constexpr auto kOutbound = [](auto& visit, auto& value) {
  visit.number(value.workload);
  visit.number(value.service);
  visit.list(value.addresses, 18, kMaxListPerWorkload, kEndpoint);
  timeout(visit, value.connect_timeout);
  timeout(visit, value.idle_timeout);
};

constexpr auto kImage = [](auto& visit, auto& value) {
  visit.list(value.rules, 12, kMaxRules, kRule);
  visit.list(value.meshes, 4, kMaxMeshes, kText);
  visit.list(value.permissions, 5, kMaxPermissionSets, kPermissions);
  visit.list(value.workloads, 65, kMaxWorkloads, kWorkload);
  visit.list(value.services, 16, kMaxServices, kService);
  visit.list(value.outbounds, 36, kMaxOutbounds, kOutbound);
};

}  // namespace

void write(ByteWriter& out, const TableImage& image) {
  Writer writer{out};
  kImage(writer, image);
}

void read(ByteReader& in, TableImage& image) {
  Reader reader{in};
  kImage(reader, image);
}

}  // namespace sluice::policy

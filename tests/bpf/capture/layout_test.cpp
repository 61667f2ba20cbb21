// The structs of abi.h as the compiler of the programs laid them out (BTF of the built objects), against what
// this compiler made of them; and the same maps in every object.
#include <bpf/btf.h>
#include <bpf/libbpf.h>
#include <gtest/gtest.h>

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "abi.h"

namespace {

struct FreeBtf {
  void operator()(btf* types) const { btf__free(types); }
};

std::unique_ptr<btf, FreeBtf> load(const std::string& name) {
  return std::unique_ptr<btf, FreeBtf>(
      btf__parse((std::string(SLUICE_BPF_OBJECTS) + "/" + name + ".bpf.o").c_str(), nullptr));
}

const char* const kObjects[] = {"connect", "sockops", "sk_lookup", "guard"};

struct Expected {
  std::size_t size;
  std::map<std::string, std::size_t> offsets;
};

#define FIELD(type, member) {#member, offsetof(type, member)}

std::map<std::string, Expected> expected() {
  return {
      {"sluice_workload",
       {sizeof(sluice_workload),
        {FIELD(sluice_workload, id), FIELD(sluice_workload, mesh), FIELD(sluice_workload, netns_cookie),
         FIELD(sluice_workload, fail_mode), FIELD(sluice_workload, passthrough),
         FIELD(sluice_workload, guard), FIELD(sluice_workload, deny),
         FIELD(sluice_workload, capture_inbound)}}},
      {"sluice_destination_key",
       {sizeof(sluice_destination_key),
        {FIELD(sluice_destination_key, mesh), FIELD(sluice_destination_key, port_be),
         FIELD(sluice_destination_key, addr)}}},
      {"sluice_outbound_key",
       {sizeof(sluice_outbound_key),
        {FIELD(sluice_outbound_key, workload), FIELD(sluice_outbound_key, port_be),
         FIELD(sluice_outbound_key, addr)}}},
      {"sluice_prefix_key",
       {sizeof(sluice_prefix_key),
        {FIELD(sluice_prefix_key, prefixlen), FIELD(sluice_prefix_key, workload_be),
         FIELD(sluice_prefix_key, addr)}}},
      {"sluice_prefix", {sizeof(sluice_prefix), {FIELD(sluice_prefix, count), FIELD(sluice_prefix, ranges)}}},
      {"sluice_local_key",
       {sizeof(sluice_local_key), {FIELD(sluice_local_key, netns_cookie), FIELD(sluice_local_key, addr)}}},
      {"sluice_flow_key",
       {sizeof(sluice_flow_key),
        {FIELD(sluice_flow_key, netns_cookie), FIELD(sluice_flow_key, local), FIELD(sluice_flow_key, remote),
         FIELD(sluice_flow_key, local_port_be), FIELD(sluice_flow_key, remote_port_be)}}},
      {"sluice_flow",
       {sizeof(sluice_flow),
        {FIELD(sluice_flow, socket_cookie), FIELD(sluice_flow, noted_at_ns), FIELD(sluice_flow, workload),
         FIELD(sluice_flow, kind)}}},
      {"sluice_listener_key",
       {sizeof(sluice_listener_key),
        {FIELD(sluice_listener_key, workload), FIELD(sluice_listener_key, slot)}}},
      {"sluice_host_inbound_key",
       {sizeof(sluice_host_inbound_key),
        {FIELD(sluice_host_inbound_key, addr), FIELD(sluice_host_inbound_key, port_be)}}},
      {"sluice_verdict_key",
       {sizeof(sluice_verdict_key),
        {FIELD(sluice_verdict_key, workload), FIELD(sluice_verdict_key, reason)}}},
      {"sluice_heartbeat", {sizeof(sluice_heartbeat), {FIELD(sluice_heartbeat, last_beat_ns)}}},
      {"sluice_event",
       {sizeof(sluice_event),
        {FIELD(sluice_event, time_ns), FIELD(sluice_event, workload), FIELD(sluice_event, reason),
         FIELD(sluice_event, pid), FIELD(sluice_event, local_port_be), FIELD(sluice_event, remote_port_be),
         FIELD(sluice_event, local), FIELD(sluice_event, remote), FIELD(sluice_event, protocol),
         FIELD(sluice_event, comm)}}},
      {"sluice_owner",
       {sizeof(sluice_owner),
        {FIELD(sluice_owner, abi_version), FIELD(sluice_owner, keeper_pid), FIELD(sluice_owner, loaded_at),
         FIELD(sluice_owner, node), FIELD(sluice_owner, instance)}}},
      {"sluice_socket_note",
       {sizeof(sluice_socket_note),
        {FIELD(sluice_socket_note, workload), FIELD(sluice_socket_note, previous_mark),
         FIELD(sluice_socket_note, kind), FIELD(sluice_socket_note, by_cgroup),
         FIELD(sluice_socket_note, _pad)}}},
      {"sluice_flow_count", {sizeof(sluice_flow_count), {FIELD(sluice_flow_count, entries)}}},
  };
}

TEST(Layout, BtfOfThePrograms) {
  std::map<std::string, bool> seen;
  for (const auto* object : kObjects) {
    const auto types = load(object);
    ASSERT_NE(nullptr, types) << object;
    for (const auto& [name, want] : expected()) {
      const int id = btf__find_by_name_kind(types.get(), name.c_str(), BTF_KIND_STRUCT);
      if (id < 0) continue;
      seen[name] = true;
      const btf_type* type = btf__type_by_id(types.get(), static_cast<__u32>(id));
      EXPECT_EQ(want.size, type->size) << object << ": " << name;
      std::map<std::string, std::size_t> offsets;
      for (__u32 i = 0; i < btf_vlen(type); ++i)
        offsets[btf__name_by_offset(types.get(), btf_members(type)[i].name_off)] =
            btf_member_bit_offset(type, i) / 8;
      for (const auto& [member, offset] : want.offsets)
        EXPECT_EQ(offset, offsets.contains(member) ? offsets[member] : ~std::size_t{0})
            << name << "." << member;
    }
  }
  for (const auto& [name, want] : expected()) EXPECT_TRUE(seen[name]) << name << " is used by no program";
}

TEST(Layout, EveryObjectDeclaresTheSameMaps) {
  std::map<std::string, std::string> first;
  for (const auto* object : kObjects) {
    bpf_object* opened =
        bpf_object__open_file((std::string(SLUICE_BPF_OBJECTS) + "/" + object + ".bpf.o").c_str(), nullptr);
    ASSERT_NE(nullptr, opened) << object;
    std::map<std::string, std::string> maps;
    bpf_map* map = nullptr;
    bpf_object__for_each_map(map, opened) {
      const std::string name = bpf_map__name(map);
      if (name.find('.') != std::string::npos) continue;
      maps[name] = std::to_string(bpf_map__type(map)) + "/" + std::to_string(bpf_map__key_size(map)) + "/" +
                   std::to_string(bpf_map__value_size(map)) + "/" + std::to_string(bpf_map__max_entries(map));
    }
    bpf_object__close(opened);
    EXPECT_EQ(19U, maps.size()) << object;
    if (first.empty()) first = maps;
    EXPECT_EQ(first, maps) << object;
  }
}

}  // namespace

#include "policy/table/image_codec.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "policy/table/codec_visit.h"
#include "policy/table/image_fields.h"

namespace sluice::policy {
namespace {

// Everything but the parts, which come last so that what precedes them is hashed in one go.
constexpr auto kHead = [](auto& visit, auto& value) {
  visit.list(value.rules, 12, kMaxRules, fields::kRule);
  visit.list(value.meshes, 4, kMaxMeshes, fields::kText);
  visit.text(value.system_authorities, kMaxPem);
  visit.text(value.system_authorities_digest);
  visit.list(value.permissions, 5, kMaxPermissionSets, fields::kPermissions);
  visit.list(value.outbounds, 52, kMaxOutbounds, fields::kOutbound);
  visit.list(value.http_outbounds, 8, kMaxOutbounds, fields::kHttpOutbound);
  visit.list(value.clusters, 128, kMaxOutbounds, fields::kCluster);
  visit.list(value.http_inbounds, 16, kMaxOutbounds, fields::kHttpInbound);
};

template <typename T>
void write_parts(ByteWriter& out, const PartList<T>& list) {
  out.number(static_cast<std::uint32_t>(list.size()));
  for (const auto& part : list.parts()) {
    out.number(static_cast<std::uint32_t>(part->bytes.size()));
    out.raw(part->bytes);
  }
}

// A part whose bytes are those of a part of `before` is that part.
template <typename T, typename Each>
void read_parts(ByteReader& in, PartList<T>& list, const PartList<T>* before, std::size_t min_size,
                std::uint32_t max, Each each) {
  const auto count = in.count(min_size + 4, max);
  list.reserve(count);
  const PartList<T> none;
  PartSearch known(before == nullptr ? none : *before);
  for (std::uint32_t i = 0; i < count && !in.failed(); ++i) {
    const auto bytes = in.raw(in.number<std::uint32_t>());
    const auto same = [&](const auto& part) { return std::ranges::equal(part->bytes, bytes); };
    if (const auto* part = known.find(same); part != nullptr) {
      list.push_back(*part);
      continue;
    }
    ByteReader part(bytes);
    Reader reader{part};
    T value;
    each(reader, value);
    if (!part.finished()) in.set_failed();
    list.push_back(std::make_shared<const SharedPart<T>>(std::move(value),
                                                         std::vector<std::byte>(bytes.begin(), bytes.end())));
  }
}

template <typename T, typename Fields>
std::vector<std::byte> bytes_of(const T& value, Fields fields) {
  ByteWriter out;
  Writer writer{out};
  fields(writer, value);
  return out.take();
}

}  // namespace

std::vector<std::byte> part_bytes(const WorkloadImage& workload) {
  return bytes_of(workload, fields::kWorkload);
}

std::vector<std::byte> part_bytes(const ServiceImage& service) {
  return bytes_of(service, fields::kService);
}

void write_head(ByteWriter& out, const TableImage& image) {
  Writer writer{out};
  kHead(writer, image);
}

void write(ByteWriter& out, const TableImage& image) {
  write_head(out, image);
  write_parts(out, image.workloads);
  write_parts(out, image.services);
}

void write(ByteWriter& out, const HttpOutboundImage& image) {
  Writer writer{out};
  fields::kHttpOutbound(writer, image);
}

void write(ByteWriter& out, const ClusterImage& image) {
  Writer writer{out};
  fields::kCluster(writer, image);
}

void write(ByteWriter& out, const HttpInboundImage& image) {
  Writer writer{out};
  fields::kHttpInbound(writer, image);
}

void read(ByteReader& in, TableImage& image, const TableImage* before) {
  Reader reader{in};
  kHead(reader, image);
  read_parts(in, image.workloads, before == nullptr ? nullptr : &before->workloads, 70, kMaxWorkloads,
             fields::kWorkload);
  read_parts(in, image.services, before == nullptr ? nullptr : &before->services, 17, kMaxServices,
             fields::kService);
}

}  // namespace sluice::policy

// The parts of a table that equal users share: each distinct one is kept once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "policy/table/image.h"
#include "policy/table/image_codec.h"

namespace sluice::policy {

template <typename T>
class Pool {
 public:
  std::uint32_t add(T part) {
    ByteWriter out;
    write(out, part);
    const auto& bytes = out.bytes();
    std::string key(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    const auto [found, fresh] = known_.try_emplace(std::move(key), static_cast<std::uint32_t>(parts_.size()));
    if (fresh) parts_.push_back(std::move(part));
    return found->second;
  }
  std::vector<T> take() { return std::move(parts_); }

 private:
  std::vector<T> parts_;
  std::map<std::string, std::uint32_t> known_;
};

struct HttpPools {
  Pool<HttpOutboundImage> outbounds;
  Pool<ClusterImage> clusters;
  Pool<HttpInboundImage> inbounds;
};

}  // namespace sluice::policy

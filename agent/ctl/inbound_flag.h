// "--inbound PORT[:SERVICEPORT][/PROTO]" of enroll.
#pragma once

#include <cstdint>
#include <string>

#include "base/result.h"

namespace sluice::ctl {

struct InboundFlag {
  std::uint16_t port = 0;
  std::uint16_t service_port = 0;  // 0: the port
  std::string protocol;            // empty: tcp
};

Outcome<InboundFlag> parse_inbound(const std::string& text);

}  // namespace sluice::ctl

// Dataplane as the engine reads it.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/address.h"
#include "policy/document/diagnostic.h"
#include "policy/document/resource.h"
#include "policy/table/image.h"

namespace sluice::policy {

using Tags = std::map<std::string, std::string>;

// Whatever is not known is tcp.
Protocol parse_protocol(std::string_view text);

struct InboundModel {
  SocketAddr address;
  SocketAddr service_address;  // unspecified ip: where it was dialled
  std::string section;         // name, else the port as text
  Protocol protocol = Protocol::tcp;
  Tags tags;
  bool ready = true;
};

struct BackendRefModel {
  std::string kind;
  std::string name;
  std::string ns;
  Tags labels;
  std::uint16_t port = 0;
};

struct OutboundModel {
  SocketAddr address;
  Tags tags;
  std::optional<BackendRefModel> ref;
  Mark mark;
};

struct DataplaneModel {
  const Resource* resource = nullptr;   // not owned
  std::string zone;                     // empty: not known
  std::vector<IpAddr> addresses;        // networking.address first
  std::vector<InboundModel> inbounds;   // without those in state Ignored
  std::vector<InboundModel> listeners;  // of zone proxies; policies select them as they do inbounds
  std::vector<Tags> identity_tags;      // of every inbound, Ignored ones too, or of the gateway
  std::vector<OutboundModel> outbounds;
  bool gateway = false;            // delegated gateway
  std::string node;                // sluice.node; empty: not bound to a node by us
  bool encrypt_same_node = false;  // sluice.encryptSameNode

  // Nothing when it cannot take part (its address is a name that nothing resolves here).
  static std::optional<DataplaneModel> from(const Resource& resource, Diagnostics& diagnostics);
  // Everything but addresses also of such a one: its own address is then unspecified.
  static DataplaneModel read(const Resource& resource);
};

}  // namespace sluice::policy

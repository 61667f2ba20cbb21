// The fields by which a request tells where it came from, as they go on to the next hop:
//   x-forwarded-proto        kept, else http or https as the client's side of this hop was
//   x-forwarded-for          inbound: the client's address at the end
//   forwarded                inbound, where there is one: an element for the client at the end (RFC 7239)
//   x-forwarded-client-cert  what a client says of certificates is worth nothing. Inbound: what the handshake
//                            proved, in Envoy's form (SANITIZE_SET with URI); outbound: taken out
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/address.h"
#include "exchange/fields.h"
#include "exchange/head_edits.h"

namespace sluice::exchange {

struct ClientHop {
  bool outbound = false;
  IpAddr client;
  // Inbound: the server's and the client's own URIs, SPIFFE IDs first. No client: it proved nothing.
  std::span<const std::string> server_ids{};
  std::span<const std::string> client_ids{};
};

// What all requests of a connection say alike, kept from one to the next.
class HopTexts {
 public:
  // Valid until the next call.
  std::string_view client(const IpAddr& client);
  std::string_view certificates(std::span<const std::string> server_ids,
                                std::span<const std::string> client_ids);

 private:
  IpAddr client_;
  std::string client_text_;
  std::vector<std::string> server_ids_;
  std::vector<std::string> client_ids_;
  std::string certificates_;
};

void edit_forwarding(const HeadFields& fields, const ClientHop& hop, HopTexts& texts, HeadEdits& edits);

}  // namespace sluice::exchange

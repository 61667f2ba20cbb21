#include "exchange/forwarded.h"

#include <algorithm>
#include <string_view>
#include <utility>

namespace sluice::exchange {
namespace {

constexpr std::string_view kClientCert = "x-forwarded-client-cert";

// A value of RFC 7239 or of an XFCC element: in quotes where it is no token.
std::string quoted(std::string_view value, std::string_view specials) {
  if (value.find_first_of(specials) == std::string_view::npos) return std::string(value);
  std::string out = "\"";
  for (const char c : value) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + '"';
}

void add_ids(std::string_view name, std::span<const std::string> ids, std::string& out) {
  constexpr std::string_view kSpecials = ",;=\"\\";
  for (const std::string& id : ids) {
    if (!id.starts_with("spiffe://")) continue;
    if (!out.empty()) out += ';';
    out.append(name).append("=");
    if (id.find_first_of(kSpecials) == std::string::npos) {
      out.append(id);
    } else {
      out.append(quoted(id, kSpecials));
    }
  }
}

std::string forwarded_element(const ClientHop& hop, std::string_view address, std::string_view proto) {
  const std::string node = hop.client.is_v4() ? std::string(address) : "[" + std::string(address) + "]";
  return std::string("for=").append(quoted(node, "[]:")).append(";proto=").append(proto);
}

void append_to(const HeadFields& fields, std::string_view name, std::string_view element, HeadEdits& edits) {
  if (const auto before = fields.find(name)) {
    edits.set_made(name, {*before, ", ", element});
  } else {
    edits.set_made(name, {element});
  }
}

}  // namespace

std::string_view HopTexts::client(const IpAddr& client) {
  if (client_text_.empty() || client != client_) {
    client_ = client;
    client_text_ = client.text();
  }
  return client_text_;
}

std::string_view HopTexts::certificates(std::span<const std::string> server_ids,
                                        std::span<const std::string> client_ids) {
  if (!std::ranges::equal(server_ids, server_ids_) || !std::ranges::equal(client_ids, client_ids_)) {
    server_ids_.assign(server_ids.begin(), server_ids.end());
    client_ids_.assign(client_ids.begin(), client_ids.end());
    certificates_.clear();
    if (!client_ids.empty()) {
      add_ids("By", server_ids, certificates_);
      add_ids("URI", client_ids, certificates_);
    }
  }
  return certificates_;
}

void edit_forwarding(const HeadFields& fields, const ClientHop& hop, HopTexts& texts, HeadEdits& edits) {
  // Mesh TLS, or the short cut on one node that stands for it.
  const std::string_view proto = !hop.outbound && !hop.client_ids.empty() ? "https" : "http";
  if (!fields.has("x-forwarded-proto")) edits.set("x-forwarded-proto", proto);
  if (hop.outbound) {
    if (fields.has(kClientCert)) edits.remove(kClientCert);
    return;
  }
  const std::string_view address = texts.client(hop.client);
  append_to(fields, "x-forwarded-for", address, edits);
  if (fields.has("forwarded")) append_to(fields, "forwarded", forwarded_element(hop, address, proto), edits);
  const std::string_view certificates = texts.certificates(hop.server_ids, hop.client_ids);
  if (!certificates.empty()) {
    edits.set_made(kClientCert, {certificates});
  } else if (fields.has(kClientCert)) {
    edits.remove(kClientCert);
  }
}

}  // namespace sluice::exchange

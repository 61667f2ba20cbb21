#include "exchange/forwarded.h"

#include <string_view>
#include <utility>

namespace sluice::exchange {
namespace {

constexpr std::string_view kClientCert = "x-forwarded-client-cert";
constexpr std::size_t kUsualCertificates = 128;

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

std::string forwarded_element(const ClientHop& hop, std::string_view proto) {
  const std::string address = hop.client.text();
  const std::string node = hop.client.is_v4() ? address : "[" + address + "]";
  return std::string("for=").append(quoted(node, "[]:")).append(";proto=").append(proto);
}

void append_to(const HeadFields& fields, std::string_view name, std::string element, HeadEdits& edits) {
  if (const auto before = fields.find(name)) element.insert(0, std::string(*before).append(", "));
  edits.set_made(name, std::move(element));
}

}  // namespace

void edit_forwarding(const HeadFields& fields, const ClientHop& hop, HeadEdits& edits) {
  // Mesh TLS, or the short cut on one node that stands for it.
  const std::string_view proto = !hop.outbound && !hop.client_ids.empty() ? "https" : "http";
  if (!fields.has("x-forwarded-proto")) edits.set("x-forwarded-proto", proto);
  if (hop.outbound) {
    if (fields.has(kClientCert)) edits.remove(kClientCert);
    return;
  }
  append_to(fields, "x-forwarded-for", hop.client.text(), edits);
  if (fields.has("forwarded")) append_to(fields, "forwarded", forwarded_element(hop, proto), edits);
  std::string certificates;
  if (!hop.client_ids.empty()) {
    certificates.reserve(kUsualCertificates);
    add_ids("By", hop.server_ids, certificates);
    add_ids("URI", hop.client_ids, certificates);
  }
  if (!certificates.empty()) {
    edits.set_made(kClientCert, std::move(certificates));
  } else if (fields.has(kClientCert)) {
    edits.remove(kClientCert);
  }
}

}  // namespace sluice::exchange

#include "http/framing.h"

#include "http/scan.h"

namespace sluice::http {
namespace {

constexpr std::size_t kLengthDigitsMax = 18;  // below 2^63 whatever they are

Parsed<std::uint64_t> decimal(std::string_view text) {
  if (text.empty()) return std::unexpected(Refusal::length_invalid);
  const std::size_t first = text.find_first_not_of('0');
  const std::string_view digits = first == std::string_view::npos ? text.substr(0, 1) : text.substr(first);
  std::uint64_t value = 0;
  if (digits.size() > kLengthDigitsMax) return std::unexpected(Refusal::length_invalid);
  for (const char c : digits) {
    if (c < '0' || c > '9') return std::unexpected(Refusal::length_invalid);
    value = value * 10 + static_cast<std::uint64_t>(c - '0');
  }
  return value;
}

// Exactly "chunked": other codings are nothing that this proxy has to undo, and "chunked" twice or followed
// by another is the classic way to make two readers differ.
Parsed<BodyLength> coding(std::string_view list) {
  bool chunked = false;
  bool unknown = false;
  bool empty = true;
  while (!list.empty()) {
    const std::string_view name = next_element(list);
    if (name.empty() || chunked) return std::unexpected(Refusal::coding_invalid);
    empty = false;
    const bool is_chunked = equal_ignoring_case(name, "chunked");
    if (!is_chunked && !is_token_char(name.front())) return std::unexpected(Refusal::coding_invalid);
    chunked = is_chunked;
    unknown |= !is_chunked;
  }
  if (empty) return std::unexpected(Refusal::coding_invalid);
  if (unknown) return std::unexpected(Refusal::coding_unknown);
  return BodyLength{.kind = BodyLength::Kind::chunked};
}

// Dropping one of these on the way would change what the message means to the next reader.
bool every_hop_needs(Known name) {
  return name == Known::host || name == Known::content_length || name == Known::transfer_encoding ||
         name == Known::connection || name == Known::expect;
}

}  // namespace

Parsed<BodyLength> declared_length(std::string_view head, const FieldList& fields, bool version_1_1) {
  const std::size_t codings = fields.count(Known::transfer_encoding);
  const std::size_t lengths = fields.count(Known::content_length);
  if (codings > 0 && lengths > 0) return std::unexpected(Refusal::length_and_coding);
  if (codings > 1) return std::unexpected(Refusal::coding_repeated);
  if (lengths > 1) return std::unexpected(Refusal::length_repeated);
  if (codings == 1) {
    if (!version_1_1) return std::unexpected(Refusal::coding_in_old_version);
    std::string_view value = fields.find(Known::transfer_encoding)->value(head);
    if (value.ends_with(',')) return std::unexpected(Refusal::coding_invalid);
    return coding(value);
  }
  if (lengths == 0) return BodyLength{};
  const auto bytes = decimal(fields.find(Known::content_length)->value(head));
  if (!bytes) return std::unexpected(bytes.error());
  return BodyLength{.kind = BodyLength::Kind::counted, .bytes = *bytes};
}

Parsed<ConnectionOptions> connection_options(std::string_view head, const FieldList& fields) {
  ConnectionOptions options;
  if (fields.count(Known::connection) == 0) return options;
  for (const Field& field : fields.all()) {
    if (field.known != Known::connection) continue;
    std::string_view list = field.value(head);
    while (!list.empty()) {
      const std::string_view option = next_element(list);
      if (option.empty()) continue;  // RFC 9110 5.6.1.2: empty elements are ignored
      if (!is_token(option) || every_hop_needs(known_name(option)))
        return std::unexpected(Refusal::connection_invalid);
      options.close |= equal_ignoring_case(option, "close");
      options.keep_alive |= equal_ignoring_case(option, "keep-alive");
      options.upgrade |= equal_ignoring_case(option, "upgrade");
    }
  }
  return options;
}

bool is_nominated(std::string_view head, const FieldList& fields, std::string_view name) {
  if (fields.count(Known::connection) == 0) return false;
  for (const Field& field : fields.all()) {
    if (field.known != Known::connection) continue;
    std::string_view list = field.value(head);
    while (!list.empty()) {
      if (equal_ignoring_case(next_element(list), name)) return true;
    }
  }
  return false;
}

}  // namespace sluice::http

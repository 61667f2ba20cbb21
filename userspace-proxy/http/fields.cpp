#include "http/fields.h"

#include "http/scan.h"

namespace sluice::http {
namespace {

struct Name {
  std::string_view text;
  Known known;
};

Known known_if(std::string_view name, Name candidate) {
  const bool may_be = (name.front() | 0x20) == candidate.text.front();
  return may_be && equal_ignoring_case(name, candidate.text) ? candidate.known : Known::other;
}

}  // namespace

// The length leaves one candidate, seldom two.
Known known_name(std::string_view name) {
  switch (name.size()) {
    case 2:
      return known_if(name, {"te", Known::te});
    case 4:
      return known_if(name, {"host", Known::host});
    case 6:
      return known_if(name, {"expect", Known::expect});
    case 7:
      if ((name.front() | 0x20) == 't') return known_if(name, {"trailer", Known::trailer});
      return known_if(name, {"upgrade", Known::upgrade});
    case 10:
      if ((name.front() | 0x20) == 'k') return known_if(name, {"keep-alive", Known::keep_alive});
      return known_if(name, {"connection", Known::connection});
    case 14:
      return known_if(name, {"content-length", Known::content_length});
    case 16:
      return known_if(name, {"proxy-connection", Known::proxy_connection});
    case 17:
      return known_if(name, {"transfer-encoding", Known::transfer_encoding});
    default:
      return Known::other;
  }
}

const Field* FieldList::first_of(std::string_view head, std::string_view name) const {
  for (const Field& field : all()) {
    if (equal_ignoring_case(field.name(head), name)) return &field;
  }
  return nullptr;
}

}  // namespace sluice::http

#include "exchange/fields.h"

#include "http/scan.h"

namespace sluice::exchange {

std::optional<std::string_view> HeadFields::find(std::string_view name) const {
  if (!fields_.may_have(name)) return std::nullopt;
  std::optional<std::string_view> found;
  for (const http::Field& field : fields_.all()) {
    if (field.name_size != name.size() || !http::equal_ignoring_case(field.name(head_), name)) continue;
    if (!found) {
      found = field.value(head_);
      continue;
    }
    if (found->data() != joined_.data()) joined_ = *found;
    joined_.append(",").append(field.value(head_));
    found = joined_;
  }
  return found;
}

}  // namespace sluice::exchange

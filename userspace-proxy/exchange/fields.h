// Header fields of a head as the policy's conditions read them.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "http/fields.h"
#include "http/request.h"
#include "http/response.h"
#include "policy/table/route_index.h"

namespace sluice::exchange {

class HeadFields final : public policy::HeaderFields {
 public:
  explicit HeadFields(const http::Request& request) : head_(request.head), fields_(*request.fields) {}
  explicit HeadFields(const http::Response& response) : head_(response.head), fields_(*response.fields) {}

  std::optional<std::string_view> find(std::string_view name) const override;
  bool has(std::string_view name) const { return fields_.find(head_, name) != nullptr; }

 private:
  std::string_view head_;
  const http::FieldList& fields_;
  mutable std::string joined_;
};

}  // namespace sluice::exchange

// Walks the attributes of one netlink message; libmnl's macros for this are C only.
#pragma once

#include <libmnl/libmnl.h>

#include <cstddef>

namespace sluice::kernel {

// Calls `visit(attr)` for each attribute behind a fixed header of `offset` bytes; lengths are checked by
// libmnl.
template <typename Visit>
void each_attribute(const nlmsghdr* message, std::size_t offset, Visit visit) {
  mnl_attr_parse(
      message, static_cast<unsigned>(offset),
      [](const nlattr* attr, void* context) {
        (*static_cast<Visit*>(context))(attr);
        return MNL_CB_OK;
      },
      &visit);
}

template <typename Visit>
void each_nested(const nlattr* parent, Visit visit) {
  mnl_attr_parse_nested(
      parent,
      [](const nlattr* attr, void* context) {
        (*static_cast<Visit*>(context))(attr);
        return MNL_CB_OK;
      },
      &visit);
}

}  // namespace sluice::kernel

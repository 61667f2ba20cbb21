// Tells that addresses or interfaces of a network namespace changed (rtnetlink multicast). Only a hint:
// whoever is told reads them again, so a lost message costs nothing but the time to the next look.
#pragma once

#include "base/fd.h"
#include "base/result.h"

namespace sluice::kernel {

enum class WatchLinks : unsigned char { no, yes };

// A socket inside the namespace that is readable when there is news. Keeps the namespace alive.
Outcome<Fd> open_address_watch(int netns_fd, WatchLinks links);
// Reads what such a socket holds; true when there was anything. A full socket is news as well.
bool drain_address_watch(int socket);

}  // namespace sluice::kernel

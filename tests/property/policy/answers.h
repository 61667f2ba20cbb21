// What a table answers to every question of its own local workloads, as text to compare.
#pragma once

#include <string>

#include "policy/table/table.h"

namespace sluice::policy::property {

std::string answers(const Table& table);

}  // namespace sluice::policy::property

// Field by field writing and reading of the image's structs; codec.cpp adds the envelope. Reader failures
// stick in the ByteReader.
#pragma once

#include "base/bytes.h"
#include "policy/table/image.h"

namespace sluice::policy {

void write(ByteWriter& out, const TableImage& image);
void read(ByteReader& in, TableImage& image);

}  // namespace sluice::policy

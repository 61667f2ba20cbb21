// Field by field writing and reading of the image's structs; codec.cpp adds the envelope. Reader failures
// stick in the ByteReader.
#pragma once

#include "base/bytes.h"
#include "policy/table/image.h"

namespace sluice::policy {

void write(ByteWriter& out, const TableImage& image);
void read(ByteReader& in, TableImage& image);

// Of one shared part, to tell equal ones by their bytes.
void write(ByteWriter& out, const HttpOutboundImage& image);
void write(ByteWriter& out, const ClusterImage& image);
void write(ByteWriter& out, const HttpInboundImage& image);

}  // namespace sluice::policy

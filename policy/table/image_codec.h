// Field by field writing and reading of the image's structs; codec.cpp adds the envelope. Reader failures
// stick in the ByteReader.
#pragma once

#include "base/bytes.h"
#include "policy/table/image.h"

namespace sluice::policy {

// The head is everything but the parts.
void write_head(ByteWriter& out, const TableImage& image);
void write(ByteWriter& out, const TableImage& image);
// Parts that are the same as in `before` are shared with it; null: there is none.
void read(ByteReader& in, TableImage& image, const TableImage* before);

// Of one shared part, to tell equal ones by their bytes.
void write(ByteWriter& out, const HttpOutboundImage& image);
void write(ByteWriter& out, const ClusterImage& image);
void write(ByteWriter& out, const HttpInboundImage& image);

}  // namespace sluice::policy

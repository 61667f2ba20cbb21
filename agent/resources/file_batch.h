// Files of one directory that are replaced together: all or none, whenever the process or the machine dies.
// The new files are written into .batch.new in the directory, which is renamed to .batch (from here on they
// count), and then moved to their places. What a death left of the moving is done by the next finish_batch().
// Whoever lists the directory leaves out names that begin with a dot.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"
#include "resources/durable_file.h"

namespace sluice::agent {

// `path` of each file is its name within the directory. A Fault: nothing was changed. Without one the batch
// counts, and finish_batch() is due. An earlier batch is finished first.
Outcome<> commit_batch(const std::string& directory, const std::vector<FileText>& files);

// Moves what was committed into place; nothing to do is success. Before anything else is read from or done to
// the directory.
Outcome<> finish_batch(const std::string& directory);

}  // namespace sluice::agent

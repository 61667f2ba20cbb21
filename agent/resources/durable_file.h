// Files that survive a crash: written beside, synced, renamed over the old one, directory synced. A failure
// (full disk included) leaves the old file as it was.
#pragma once

#include <string>
#include <vector>

#include "base/result.h"

namespace sluice::agent {

struct FileText {
  std::string path;
  std::string text;
};

// All files or, when one cannot be written, none; a death in between may leave some (file_batch.h leaves
// none). Mode 0600.
Outcome<> write_durably(const std::vector<FileText>& files);
// Whole or not at all for whoever reads it, but lost with the power: for what a reboot makes void. Mode 0600.
Outcome<> write_whole(const FileText& file);
// Removes the file and syncs the directory; a missing file is no error.
Outcome<> remove_durably(const std::string& path);
// Whole text; a file larger than `max_bytes` is an error. Only regular files.
Outcome<std::string> read_bounded(const std::string& path, std::size_t max_bytes);
// The pieces: the text and its place on disk, and a directory's entries. Mode 0600; an old text is lost.
Outcome<> write_new_file(const FileText& file);
Outcome<> sync_path(const std::string& directory);
Outcome<> sync_parent(const std::string& path);
// A key or path as the name of one file: what is not plain becomes %XX; a long one is cut and told apart by a
// hash.
std::string flat_name(const std::string& text);
// The directory and its parents; `mode` for those that are made.
Outcome<> make_directory(const std::string& path, unsigned mode);

}  // namespace sluice::agent

// Tells that something in a directory may have changed (inotify). Only a hint: whoever is told reads
// everything again, so a lost or merged event costs nothing. The directory may be missing, come and go.
#pragma once

#include <string>

#include "base/fd.h"
#include "base/result.h"

namespace sluice::agent {

class DirectoryWatch {
 public:
  static Outcome<DirectoryWatch> open(std::string directory);
  int fd() const { return inotify_.get(); }  // readable when there is news
  // Takes the news in and watches again a directory that was replaced. True when somebody should look.
  bool drain();
  // (Re)attaches to the directory; false while it does not exist.
  bool attach();

 private:
  DirectoryWatch(Fd inotify, std::string directory)
      : inotify_(std::move(inotify)), directory_(std::move(directory)) {}
  Fd inotify_;
  std::string directory_;
  int watch_ = -1;
};

}  // namespace sluice::agent

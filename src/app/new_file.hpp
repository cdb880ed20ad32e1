// A file that is whole or not there: written beside its name, synced, and then given the name,
// which must be free. Text goes in, zstd comes out.
#pragma once

#include <filesystem>
#include <memory>
#include <string>
#include <string_view>

#include "base/unique_fd.hpp"

struct ZSTD_CCtx_s;

namespace volta {

// One thread. What is not finished is removed by the destructor; kill -9 leaves NAME.part, which
// the next attempt replaces.
class NewZstdFile {
 public:
  // Throws Failure: there is a file of that name, or it cannot be made. Mode 0600.
  explicit NewZstdFile(std::filesystem::path path);
  NewZstdFile(const NewZstdFile&) = delete;
  NewZstdFile& operator=(const NewZstdFile&) = delete;
  ~NewZstdFile();

  // Throws SystemFailure.
  void write(std::string_view text);
  // On the disk under its name when this returns, its directory synced too. Never replaces a file.
  // Throws Failure.
  void finish();

 private:
  void compress(std::string_view text, bool last);

  const std::filesystem::path path_;
  const std::filesystem::path part_;
  UniqueFd file_;
  std::unique_ptr<ZSTD_CCtx_s, std::size_t (*)(ZSTD_CCtx_s*)> compressor_;
  bool finished_ = false;
};

}  // namespace volta

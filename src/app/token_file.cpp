#include "app/token_file.hpp"

#include <exception>
#include <utility>

#include "app/secret_file.hpp"
#include "base/log.hpp"

namespace volta {

TokenFile::TokenFile(std::filesystem::path path)
    : path_(std::move(path)), token_(read_token_file(path_)) {}

const HostToken& TokenFile::newest() {
  try {
    token_ = read_token_file(path_);
    complaint_.clear();
  } catch (const std::exception& failure) {
    if (complaint_ != failure.what()) {
      complaint_ = failure.what();
      log::warning("the host token that was read before is used", {{"reason", complaint_}});
    }
  }
  return token_;
}

}  // namespace volta

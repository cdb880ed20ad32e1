// Runs every file of the corpus folders through the fuzz target, and each of them cut short at
// every length up to 256 bytes: the torn input is the commonest broken input.
#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

void run(const std::string& bytes, std::size_t length) {
  // A copy of the exact size, so that the sanitizer sees one byte too far.
  const std::string copy(bytes.data(), length);
  LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(copy.data()), copy.size());
}

}  // namespace

int main(int argc, char** argv) {
  std::size_t files = 0;
  for (int i = 1; i < argc; ++i) {
    for (const auto& entry : std::filesystem::recursive_directory_iterator(argv[i])) {
      if (!entry.is_regular_file()) continue;
      std::ifstream stream(entry.path(), std::ios::binary);
      const std::string bytes{std::istreambuf_iterator<char>(stream), {}};
      run(bytes, bytes.size());
      for (std::size_t cut = 0; cut < std::min<std::size_t>(bytes.size(), 256); ++cut)
        run(bytes, cut);
      ++files;
    }
  }
  std::printf("%zu inputs\n", files);
  return files > 0 ? 0 : 1;
}

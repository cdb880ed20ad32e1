// volta archive: sealed samples older than a date into a compressed file, and then out of the
// store.
#include <iostream>

#include "app/archive_store.hpp"
#include "app/commands.hpp"
#include "app/counted.hpp"
#include "app/hub.hpp"
#include "app/process.hpp"
#include "app/time_argument.hpp"
#include "base/clock.hpp"
#include "base/error.hpp"
#include "base/json_writer.hpp"
#include "base/text.hpp"

namespace volta {

int run_archive(const ArchiveOptions& options) {
  const std::filesystem::path directory = options.data;
  if (!holds_store(directory))
    throw StartFailure(Exit::failed, "there is no store in " + directory.string());
  if (lock_holder(directory))
    throw StartFailure(Exit::data_directory,
                       directory.string() +
                           " is served by another volta; stop it for as long as the archive takes");
  const std::int64_t before = time_argument(options.before, "--before", system_clock().wall_ms());
  const auto store = open_store(unattended_store(directory), system_clock());
  const auto done = archive_store(*store, before, options.output);
  if (!done) throw StartFailure(Exit::failed, done.error().text);
  if (options.json) {
    std::string out;
    JsonWriter json(out);
    json.begin_object().member("samples", done->samples).member("series", done->series);
    json.member("windows", static_cast<std::uint64_t>(done->windows));
    json.member("end", rfc3339(done->end_ms)).end_object();
    std::cout << out << '\n';
  } else {
    const bool one_hour = done->windows == 1;
    std::cout << counted(done->samples, "sample") << " of " << done->series
              << " series archived to " << options.output << "; " << counted(done->windows, "hour")
              << " until " << rfc3339(done->end_ms) << (one_hour ? " is" : " are")
              << " no longer in the store, but for the windows of minutes and hours\n";
  }
  return code(Exit::done);
}

}  // namespace volta

#include "app/peer_settings.hpp"

#include <filesystem>

#include <catch2/catch.hpp>

#include "app/process.hpp"
#include "support/temp_dir.hpp"

namespace volta {
namespace {

// A configuration, and files beside it: @ in it stands for their folder.
struct PeerFiles {
  test::TempDir dir;

  void secret(const std::string& name, const std::string& text, bool others_read = false) const {
    dir.write(name, text);
    using std::filesystem::perms;
    std::filesystem::permissions(dir.path() / name, others_read
                                                        ? perms::owner_read | perms::others_read
                                                        : perms::owner_read | perms::owner_write);
  }
  [[nodiscard]] PeerOptions read(std::string file) const {
    for (auto at = file.find('@'); at != std::string::npos; at = file.find('@', at))
      file.replace(at, 1, dir.path().string());
    dir.write("c.toml", file);
    const auto settings = read_settings({"server", dir.path() / "c.toml", {}, {}});
    CAPTURE(settings ? "" : settings.error().text);
    REQUIRE(settings);
    return peer_options(*settings);
  }
  [[nodiscard]] std::string refusal(const std::string& file) const {
    CAPTURE(file);
    try {
      (void)read(file);
    } catch (const StartFailure& failure) {
      CHECK(failure.exit() == Exit::configuration);
      const std::string text = failure.what();
      return text.substr(text.find("c.toml"));
    }
    return "nothing";
  }
};

TEST_CASE("a scrape job is what its table says") {
  const PeerFiles files;
  files.secret("token", "abc\n");
  const PeerOptions options = files.read(
      "[[scrape]]\njob = \"node\"\ntargets = [\"h:9100\"]\nlabels = { rack = \"7\", a = \"\" }\n"
      "interval = \"2s\"\nmetrics_path = \"/m\"\nscheme = \"https\"\nhonor_timestamps = false\n"
      "params = { a = [\"1\", \"2\"] }\nbearer_token_file = \"@/token\"\nca_file = \"/ca.pem\"\n"
      "insecure_skip_verify = true\nheaders = { X-Scope-OrgID = \"t\" }\nbody_size_limit = "
      "\"1MB\"\n"
      "[[scrape.metric_relabel_configs]]\naction = \"drop\"\nsource_labels = [\"__name__\"]\n"
      "regex = \"go_.*\"\n[[scrape]]\njob = \"files\"\nfile_sd = [\"/etc/t/*.json\"]\n");
  REQUIRE(options.jobs.size() == 2);
  CHECK(options.scrapes());
  const ScrapeJob& job = options.jobs[0];
  CHECK(job.name == "node");
  CHECK(job.interval == std::chrono::seconds(2));
  CHECK(job.timeout == std::chrono::seconds(2));  // not asked for, so not above the interval
  CHECK_FALSE(job.honor_timestamps);
  CHECK(job.static_groups[0].labels == Labels{{"rack", "7"}});
  CHECK(job.credentials.bearer_token == "abc");
  CHECK(job.credentials.ca_file == "/ca.pem");
  CHECK(job.credentials.insecure_skip_verify);
  CHECK(job.credentials.headers.front().second == "t");
  CHECK(job.body_limit == 1'000'000);
  std::vector<std::string> complaints;
  const auto targets = make_targets(job, job.static_groups, complaints);
  REQUIRE(targets.size() == 1);
  CHECK(targets[0].url == "https://h:9100/m?a=2&a=1");
  Labels dropped = {{"__name__", "go_x"}};
  CHECK_FALSE(job.metric_relabel.apply(dropped));
  CHECK(options.jobs[1].file_sd == std::vector<std::string>{"/etc/t/*.json"});
  CHECK(options.jobs[1].timeout == std::chrono::seconds(10));
  CHECK_FALSE(files.read("").scrapes());
  CHECK(files.read("[textfile]\nfolder = \"/x\"\n").scrapes());
}

TEST_CASE("jobs that cannot work are refused with their line") {
  const PeerFiles files;
  files.secret("open", "abc", true);
  files.secret("two", "a b");
  files.secret("pw", "secret-word");
  const std::string job = "[[scrape]]\njob = \"a\"\ntargets = [\"h:1\"]\n";  // lines 1 to 3
  const auto check = [&](const std::string& file, const std::string& want) {
    CHECK_THAT(files.refusal(file), Catch::Matchers::StartsWith(want));
  };
  check("[[scrape]]\njob = \"a\"\n", "c.toml:1: scrape job 'a' has neither targets nor file_sd");
  check(job + "[[scrape]]\njob = \"a\"\ntargets = [\"h:2\"]\n",
        "c.toml:4: scrape job 'a' stands at ");
  check(job + "interval = \"1s\"\ntimeout = \"2s\"\n", "c.toml:1: scrape job 'a': the timeout is");
  check(job + "metrics_path = \"m\"\n", "c.toml:1: scrape job 'a': metrics_path begins with /");
  check(job + "file_sd = [\"t.json\"]\n", "c.toml:4: file_sd: 't.json' is not an absolute path");
  check(job + "file_sd = [\"/t.yml\"]\n", "c.toml:1: scrape job 'a': /t.yml: file_sd files are");
  check("[[scrape]]\njob = \"a\"\ntargets = [\"http://h:1\"]\n",
        "c.toml:3: scrape job 'a': 'http://h:1' is not an address such as host:9100");
  check(job + "labels = { \"a-b\" = \"1\" }\n", "c.toml:4: labels: a-b is not the name of a label");
  check("[[scrape]]\njob = \"a\"\nfile_sd = [\"/t.json\"]\nlabels = { a = \"1\" }\n",
        "c.toml:4: labels are of the job's targets");
  check(job + "headers = { Authorization = \"x\" }\n",
        "c.toml:1: scrape job 'a': the header Authorization is set by volta");
  check(job + "username = \"u\"\n", "c.toml:4: username and password_file belong together");
  check(job + "password_file = \"@/pw\"\n", "c.toml:4: username and password_file belong");
  check(job + "bearer_token_file = \"@/none\"\n",
        "c.toml:4: bearer_token_file: cannot read the key file ");
  check(job + "bearer_token_file = \"@/open\"\n",
        "c.toml:4: bearer_token_file: others may read the key file ");
  check(job + "bearer_token_file = \"@/two\"\n", "c.toml:4: ");
  check(job + "username = \"u\"\npassword_file = \"@/pw\"\nbearer_token_file = \"@/pw\"\n",
        "c.toml:1: scrape job 'a': basic authentication and a bearer token exclude each other");
  check(job + "[[scrape.relabel_configs]]\n[[scrape.relabel_configs]]\naction = \"keep\"\n",
        "c.toml:4: relabel_configs: the action needs a target label");
  check(job +
            "[[scrape.metric_relabel_configs]]\nsource_labels = [\"a\"]\naction = \"drop\"\n"
            "regex = \"(\"\n",
        "c.toml:4: metric_relabel_configs: the regular expression \"(\" does not compile");
  check("[outbound]\nallow = [\"10.0.0.0/33\"]\n",
        "c.toml:2: outbound.allow: '10.0.0.0/33' is not a network such as");
  check("[outbound]\n\ndeny = [\"public\"]\n",
        "c.toml:3: outbound.deny: 'public' is not a network");
}

TEST_CASE("a write target is what its table says") {
  const PeerFiles files;
  files.secret("pw", "word");
  const PeerOptions options = files.read(
      "[[remote_write]]\nname = \"a\"\nurl = \"https://h/w\"\nprotocol = \"1.0\"\nshards = 2\n"
      "max_samples_per_send = 7\nmax_bytes_per_send = \"1MiB\"\nbatch_send_deadline = \"0\"\n"
      "timeout = \"3s\"\nusername = \"u\"\npassword_file = \"@/pw\"\n"
      "headers = { X-Scope-OrgID = \"t\" }\n[[remote_write.write_relabel_configs]]\n"
      "action = \"keep\"\nsource_labels = [\"__name__\"]\nregex = \"a.*\"\n"
      "[[remote_write]]\nname = \"b\"\nurl = \"http://h\"\n"
      "[[remote_write]]\nname = \"c\"\nurl = \"http://h\"\nprotocol = \"2.0\"\n");
  CHECK_FALSE(options.scrapes());
  REQUIRE(options.write_targets.size() == 3);
  const WriteTarget& target = options.write_targets[0];
  CHECK(target.name == "a");
  CHECK(target.url == "https://h/w");
  CHECK(target.version_1);
  CHECK_FALSE(target.version_2);
  CHECK(target.shards == 2);
  CHECK(target.limits.most_samples == 7);
  CHECK(target.limits.most_bytes == 1U << 20U);
  CHECK(target.limits.deadline.count() == 0);
  CHECK(target.timeout == std::chrono::seconds(3));
  CHECK(target.credentials.basic_user == "u");
  CHECK(target.credentials.basic_password == "word");
  CHECK(target.credentials.headers.size() == 1);
  Labels other = {{"__name__", "b"}};
  CHECK_FALSE(target.relabel.apply(other));
  // The defaults are the library's.
  const WriteTarget library;
  const WriteTarget& plain = options.write_targets[1];
  CHECK(plain.version_1);
  CHECK(plain.version_2);
  CHECK(plain.shards == library.shards);
  CHECK(plain.limits.most_samples == library.limits.most_samples);
  CHECK(plain.limits.most_bytes == library.limits.most_bytes);
  CHECK(plain.limits.deadline == library.limits.deadline);
  CHECK(plain.timeout == library.timeout);
  CHECK_FALSE(options.write_targets[2].version_1);
}

TEST_CASE("write targets that cannot work are refused with their line") {
  const PeerFiles files;
  const std::string target = "[[remote_write]]\nname = \"a\"\nurl = \"http://h\"\n";
  CHECK_THAT(files.refusal(target + target),
             Catch::Matchers::StartsWith("c.toml:4: remote write target 'a' stands at "));
  CHECK_THAT(files.refusal(target + "headers = { Content-Type = \"x\" }\n"),
             Catch::Matchers::StartsWith("c.toml:1: remote write target 'a': the header Content"));
  CHECK_THAT(files.refusal(target + "[[remote_write.write_relabel_configs]]\n"),
             Catch::Matchers::StartsWith("c.toml:4: write_relabel_configs: the action needs"));
}

TEST_CASE("the limits of queries are what the settings say") {
  const PeerFiles files;
  files.dir.write("q.toml",
                  "[query]\ntimeout = \"3s\"\nlookback_delta = \"1m\"\nmax_samples = 5000\n"
                  "max_series = 6\nmax_memory = \"2MiB\"\n");
  const auto settings = read_settings({"local", files.dir.path() / "q.toml", {}, {}});
  REQUIRE(settings);
  const QueryLimits limits = query_limits(*settings);
  CHECK(limits.timeout == std::chrono::seconds(3));
  CHECK(limits.lookback == std::chrono::minutes(1));
  CHECK(limits.most_samples == 5000);
  CHECK(limits.most_series == 6);
  CHECK(limits.most_bytes == 2U << 20U);
  // The defaults are the engine's own.
  const QueryLimits engine;
  files.dir.write("empty.toml", "");
  const QueryLimits by_default =
      query_limits(*read_settings({"local", files.dir.path() / "empty.toml", {}, {}}));
  CHECK(by_default.timeout == engine.timeout);
  CHECK(by_default.lookback == engine.lookback);
  CHECK(by_default.most_samples == engine.most_samples);
  CHECK(by_default.most_series == engine.most_series);
  CHECK(by_default.most_bytes == engine.most_bytes);
}

}  // namespace
}  // namespace volta

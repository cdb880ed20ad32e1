#include "app/settings.hpp"

#include <filesystem>

#include <catch2/catch.hpp>

#include "support/temp_dir.hpp"

namespace volta {
namespace {

struct Given {
  std::string role = "local";
  std::string file;
  std::vector<std::pair<std::string, std::string>> environment;
  std::vector<SettingsSource::Flag> flags;
};

Result<Settings> read(const Given& given) {
  const test::TempDir dir;
  dir.write("c.toml", given.file);
  SettingsSource source{given.role, dir.path() / "c.toml", given.environment, given.flags};
  return read_settings(source);
}

TEST_CASE("flags win over the environment, that over the file, that over defaults") {
  Given given;
  CHECK(read(given)->text("http.listen") == "127.0.0.1:8420");
  given.file = "[http]\nlisten = \"127.0.0.1:1\"\n";
  CHECK(read(given)->text("http.listen") == "127.0.0.1:1");
  given.environment = {{"VOLTA_HTTP_LISTEN", "127.0.0.1:2"}};
  CHECK(read(given)->text("http.listen") == "127.0.0.1:2");
  given.flags = {{"http.listen", "127.0.0.1:3", "--listen"}};
  const auto settings = read(given);
  CHECK(settings->text("http.listen") == "127.0.0.1:3");
  CHECK(settings->all().at("http.listen").origin == "--listen");
}

TEST_CASE("names and texts come from the environment as they stand in a file") {
  Given given;
  given.file = "[store]\nheaders = { a = \"of the file\" }\n";
  using Pairs = std::vector<std::pair<std::string, std::string>>;
  const auto headers = [&](const std::string& text) {
    given.environment = {{"VOLTA_STORE_HEADERS", text}};
    const auto settings = read(given);
    REQUIRE(settings);
    return settings->pairs("store.headers");
  };
  CHECK(headers(R"({ X-Scope-OrgID = "team,a=b", other = "" })") ==
        Pairs{{"X-Scope-OrgID", "team,a=b"}, {"other", ""}});
  CHECK(headers(" ").empty());
  CHECK(headers("{}").empty());
  given.environment.clear();
  CHECK(read(given)->pairs("store.headers") == Pairs{{"a", "of the file"}});
  for (const char* text :
       {"X-Scope-OrgID: s3cret", "a=s3cret", R"({ a = ["s3cret"] })", "{ a = 5 }", "\"s3cret\"",
        "{}\nb = 1", "{ a = \"s3cret\"", "[", "\xc3\xa4 = 1"}) {
    CAPTURE(text);
    given.environment = {{"VOLTA_STORE_HEADERS", text}};
    const auto settings = read(given);
    REQUIRE_FALSE(settings);
    CHECK(settings.error().text ==
          "VOLTA_STORE_HEADERS: store.headers must be names and texts such as { name = \"text\" }");
  }
}

TEST_CASE("sections that only a file has are not taken from the environment in silence") {
  Given given;
  given.environment = {{"VOLTA_LABELS", "{}"}, {"VOLTA_SCRAPE", "[]"}};
  const auto settings = read(given);
  REQUIRE(settings);
  REQUIRE(settings->warnings().size() == 2);
  CHECK(settings->warnings()[0] ==
        "VOLTA_LABELS is not read: its sections stand in the file alone");
  CHECK(settings->warnings()[1] ==
        "VOLTA_SCRAPE is not read: its sections stand in the file alone");
}

TEST_CASE("what is refused names its place and what is allowed") {
  const auto refusal = [](const std::string& file) {
    Given given;
    given.file = file;
    const auto settings = read(given);
    REQUIRE_FALSE(settings);
    return settings.error().text;
  };
  using Catch::Matchers::Contains;
  CHECK_THAT(refusal("\n[http]\nlisten = 5\n"),
             Contains("c.toml:3: http.listen must be HOST:PORT"));
  CHECK_THAT(refusal("[http]\nlisten = \"x\"\n"),
             Contains("c.toml:2: http.listen = 'x' is not HOST:PORT"));
  CHECK_THAT(refusal("[retention]\nraw = \"soon\"\n"), Contains("duration such as"));
  CHECK_THAT(refusal("[retention]\nraw = -1\n"), Contains("duration such as"));
  CHECK_THAT(refusal("[http]\ninsecure = \"yes\"\n"), Contains("true or false"));
  CHECK_THAT(refusal("http = 3\n"), Contains("c.toml:1: http must be a section: [http]"));
  CHECK_THAT(refusal("[[http]]\n"), Contains("must be a section"));
  CHECK_THAT(refusal("labels = \"q\"\n"), Contains("labels must be a section"));
  CHECK_THAT(refusal("[groups]\ncpu = 5\n"), Contains("c.toml:2: groups.cpu must be a section"));
  CHECK_THAT(refusal("[http]\nallowed_hosts = [\"a\", \"b c\"]\n"),
             Contains("'b c' is not the name"));
  CHECK_THAT(refusal("[http]\nallowed_hosts = [\"*\"]\n"), Contains("'*' is not the name"));
  CHECK_THAT(refusal(std::string(1'100'000, '#')), Contains("larger than 1048576 bytes"));
  CHECK_THAT(refusal("[log]\nlevel = \"loud\"\n"),
             Contains("not one of debug, info, warning, error"));
  CHECK_THAT(refusal("[agent]\ncores = [0, \"5-2\"]\n"),
             Contains("\"all\" or a list of core numbers"));
  CHECK_THAT(refusal("[groups.cpu]\nperiod = \"1ms\"\n"), Contains("from 10ms to 1h"));
  CHECK_THAT(refusal("[groups.disk]\nperiod = \"2h\"\n"), Contains("from 10ms to 1h"));
  for (const std::string group : {"energy", "battery", "sensor"}) {
    CAPTURE(group);
    CHECK_THAT(refusal("[groups." + group + "]\nperiod = \"45s\"\n"), Contains("from 10ms to 30s"));
  }
  CHECK_THAT(refusal("[query]\nmax_concurrency = 0\n"),
             Contains("c.toml:2: query.max_concurrency = '0' is not a whole number from 1 to 64"));
  CHECK_THAT(refusal("[query]\nmax_memory = \"1KB\"\n"), Contains("a size from 1MiB to 1TiB"));
  CHECK_THAT(refusal("[query]\nmax_samples = 1.5\n"), Contains("must be a whole number from 1000"));
  CHECK_THAT(refusal("[query]\ntimeout = \"0\"\n"), Contains("a duration from 1s to 1h"));
  CHECK_THAT(refusal("[textfile]\nfolder = \"here\"\n"),
             Contains("textfile.folder = 'here' is not an absolute path"));
  CHECK_THAT(refusal("[outbound]\nallow = [\"a,b\"]\n"), Contains("without commas"));
  CHECK_THAT(refusal("[labels]\n\"a-b\" = \"x\"\n"), Contains("labels.a-b"));
  CHECK_THAT(refusal("[labels]\nrack = 5\n"), Contains("must be a text in quotes"));
  std::string labels = "[labels]\n";
  for (int i = 0; i < 28; ++i) labels += "l" + std::to_string(i) + " = \"x\"\n";
  CHECK_THAT(refusal(labels), Contains("more than 27 labels"));
  CHECK_THAT(refusal("\n[metrics]\ndisable = [\"volta_load5\", \"volta_lod1\"]\n"),
             Contains("c.toml:3: metrics.disable: 'volta_lod1' is the name of no metric") &&
                 Contains("; did you mean volta_load1?"));
  CHECK_THAT(refusal("[metrics]\ndisable = \"none_*\"\n"),
             Contains("c.toml:2: metrics.disable: 'none_*' is the name of no metric") &&
                 Contains("volta metrics prints them all") && !Contains("did you mean"));
  CHECK_THAT(refusal("[metrics]\ndisable = \"" + std::string(500'000, 'x') + "\"\n"),
             Contains("is the name of no metric"));
  CHECK_THAT(refusal("a = \n"), Contains("c.toml:1: not TOML"));
}

TEST_CASE("one listens on any free port, but connects to a certain one") {
  const auto accepted = [](const std::string& role, const std::string& key,
                           const std::string& address) {
    Given given;
    given.role = role;
    given.flags = {{key, address, "--flag"}};
    return static_cast<bool>(read(given));
  };
  for (const char* address : {"127.0.0.1:0", "[::1]:8420", "localhost:1"}) {
    CAPTURE(address);
    CHECK(accepted("local", "http.listen", address));
    CHECK(accepted("server", "rpc.listen", address));
  }
  for (const char* address : {"", "[]:80", ":80", "::1:80", "127.0.0.1", "127.0.0.1:65536"}) {
    CAPTURE(address);
    CHECK_FALSE(accepted("local", "http.listen", address));
    CHECK_FALSE(accepted("server", "rpc.listen", address));
  }
  CHECK(accepted("agent", "agent.server", "server.example:8421"));
  CHECK_FALSE(accepted("agent", "agent.server", "server.example:0"));
  CHECK_FALSE(accepted("agent", "agent.server", "[]:80"));
}

TEST_CASE("an unknown key is a warning that names the nearest known one") {
  Given given;
  given.file = "[http]\nlisten2 = \"x\"\n[retention]\nrow = \"1d\"\n[grops.cpu]\nenabled = false\n";
  const auto settings = read(given);
  REQUIRE(settings);
  std::string all;
  for (const std::string& warning : settings->warnings()) all += warning + "\n";
  using Catch::Matchers::Contains;
  CHECK_THAT(all, Contains("c.toml:2: unknown key http.listen2; did you mean http.listen?"));
  CHECK_THAT(all, Contains("c.toml:4: unknown key retention.row; did you mean retention.raw?"));
  CHECK_THAT(all, Contains("c.toml:5: unknown key grops; did you mean groups?"));
}

TEST_CASE("values are read by their type") {
  Given given;
  given.file =
      "[retention]\nraw = 0\nsize = \"1GiB\"\n[agent]\ncores = [0, \"2-4\"]\n[metrics]\ndisable = "
      "[\"volta_load1\", \"volta_disk_*\"]\n[labels]\nrack = \"r1\"\n";
  const auto settings = read(given);
  REQUIRE(settings);
  CHECK(settings->duration("retention.raw").count() == 0);
  CHECK(settings->disk_size("retention.size", "/") == 1ULL << 30U);
  CHECK(settings->cores("agent.cores") == std::vector<int>{0, 2, 3, 4});
  CHECK(settings->list("metrics.disable") ==
        std::vector<std::string>{"volta_load1", "volta_disk_*"});
  CHECK(settings->labels().at("rack") == "r1");
}

TEST_CASE("lists come from the environment with commas between, which the template says") {
  Given given;
  given.environment = {{"VOLTA_METRICS_DISABLE", "volta_load1, volta_disk_*"},
                       {"VOLTA_AGENT_CORES", "0,2-3"}};
  const auto settings = read(given);
  REQUIRE(settings);
  CHECK(settings->list("metrics.disable") ==
        std::vector<std::string>{"volta_load1", "volta_disk_*"});
  CHECK(settings->cores("agent.cores") == std::vector<int>{0, 2, 3});
  for (const char* role : {"local", "server", "agent"})
    CHECK_THAT(settings_template(role), Catch::Matchers::Contains("lists with commas between"));
}

TEST_CASE("a directory may be as large as a share of the disk it will stand on") {
  const test::TempDir dir;
  const std::uint64_t disk = std::filesystem::space(dir.path()).capacity;
  Given given;
  given.role = "server";
  const auto size = [&] {
    const auto settings = read(given);
    REQUIRE(settings);
    return settings->disk_size("retention.size", dir.path() / "not/there/yet");
  };
  CHECK(size() == disk / 100 * 80);
  given.file = "[retention]\nsize = \"5%\"\n";
  CHECK(size() == disk / 100 * 5);
  given.file = "[retention]\nsize = 0\n";
  CHECK(size() == 0);
  for (const char* wrong : {"101%", "0%", "-1%", "%", "5 %", "5%%"}) {
    CAPTURE(wrong);
    given.file = "[retention]\nsize = \"" + std::string(wrong) + "\"\n";
    const auto settings = read(given);
    REQUIRE_FALSE(settings);
    CHECK_THAT(settings.error().text, Catch::Matchers::Contains("a share of the disk such as 80%"));
  }
}

TEST_CASE("the template of every role is a good configuration, also with every # removed") {
  for (const std::string role : {"local", "server", "agent"}) {
    Given given;
    given.role = role;
    given.file = settings_template(role);
    CHECK(read(given));
    std::string bare;
    for (std::size_t at = 0; at < given.file.size(); ++at) {
      const bool line_start = at == 0 || given.file[at - 1] == '\n';
      if (line_start && given.file[at] == '#' && at + 1 < given.file.size() &&
          given.file[at + 1] != ' ')
        continue;
      bare += given.file[at];
    }
    given.file = bare;
    const auto settings = read(given);
    CAPTURE(role, settings ? "" : settings.error().text);
    CHECK(settings);
    if (settings) CHECK(settings->warnings().empty());
  }
}

TEST_CASE("a variable that nobody knows is a warning, one of another role is not") {
  Given given;
  given.environment = {{"VOLTA_HTTP_LISTN", "x"}, {"VOLTA_AGENT_FLUSH", "10s"}, {"HOME", "/"}};
  const auto settings = read(given);
  CHECK(settings->warnings() ==
        std::vector<std::string>{
            "unknown variable VOLTA_HTTP_LISTN; did you mean VOLTA_HTTP_LISTEN?"});
}

TEST_CASE("a key of very many parts is refused, dots in texts and comments are not") {
  Given given;
  std::string parts = "a";
  for (int i = 0; i < 30'000; ++i) parts += ".a";
  for (const std::string& deep : {parts + " = 1", "[" + parts + "]", "'x'.\"y\\\"\"." + parts}) {
    given.file = "\n" + deep + "\n";
    const auto settings = read(given);
    REQUIRE_FALSE(settings);
    CHECK_THAT(settings.error().text,
               Catch::Matchers::Contains("c.toml:2: not TOML: a key has too many"));
  }
  for (const char* broken : {"[a\rb]\n", "a\v = 1\n", "\x7f", "# \x01\n", "[[,tg", "[\r\rht[a"}) {
    given.file = broken;
    const auto settings = read(given);
    REQUIRE_FALSE(settings);
    CHECK_THAT(settings.error().text, Catch::Matchers::Contains("c.toml:1: not TOML: "));
  }
  given.file = "[http]\r\nlisten = \"127.0.0.1:5\"\t\r\n";
  CHECK(read(given)->text("http.listen") == "127.0.0.1:5");
  given.file = "# " + std::string(100, '.') + "\n[labels]\nx = \"" + std::string(100, '.') + "\"\n";
  CHECK(read(given)->labels().at("x") == std::string(100, '.'));
}

}  // namespace
}  // namespace volta

# A formula for Homebrew. From a checkout: brew install --HEAD --formula packaging/homebrew/hitherto.rb
# It builds the last commit of the checkout that it lies in; a release adds `url` and `sha256`.
class Hitherto < Formula
  desc "Online learning in recurrent networks"
  license "BSD-3-Clause"
  head "file://#{File.expand_path("../..", __dir__)}", using: :git, branch: "main"

  depends_on "cmake" => :build
  depends_on "ninja" => :build
  depends_on "pkgconf" => :build
  depends_on "cjson"
  depends_on "libsndfile"
  depends_on "libyaml"
  depends_on "libzip"
  depends_on :linux # macOS was never tried
  depends_on "sqlite"
  depends_on "xz"

  uses_from_macos "zlib"

  def install
    system "cmake", "-S", ".", "-B", "build", "-G", "Ninja", "-DHTH_TESTS=OFF", "-DHTH_WERROR=OFF", *std_cmake_args
    system "cmake", "--build", "build"
    system "cmake", "--install", "build"
    pkgshare.install "examples/train.c"
  end

  test do
    assert_match "hitherto", shell_output("#{bin}/hitherto version")
    system bin/"hitherto", "check", "task=add", "loss=softmax", "cell=rate", "learner=rtrl", "network.units=4",
           "learner.steps=2"
    system ENV.cc, pkgshare/"train.c", "-o", "train", "-I#{include}", "-L#{lib}", "-lhitherto"
    system "./train"
  end
end

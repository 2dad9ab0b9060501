// Source and output side by side, moved by one slider: both play, stop and seek together.

const players = document.getElementById("players");
const videos = [...(players?.querySelectorAll("video") ?? [])];
const controls = document.getElementById("controls");
const [play, back, forth, seek, at, sound] = ["play", "back", "forth", "seek", "at", "sound"].map((id) =>
  document.getElementById(id),
);
const FRAME_S = 1 / 25;
const DRIFT_S = 0.08;

const playable = () => videos.filter((video) => !video.dataset.broken);
const leader = () => playable().at(-1);

function say(video, words) {
  const line = video.parentElement.querySelector(".cannot");
  line.textContent = words;
  line.hidden = false;
}

function giveUp(video, words) {
  video.dataset.broken = "1";
  say(video, words);
  video.hidden = true;
  if (playable().length === 0) controls.hidden = true;
}

function clock(seconds) {
  const minutes = Math.floor(seconds / 60);
  return `${minutes}:${(seconds - 60 * minutes).toFixed(2).padStart(5, "0")}`;
}

function show() {
  const first = leader();
  if (!first) return;
  seek.value = first.currentTime;
  at.value = clock(first.currentTime);
  seek.setAttribute("aria-valuetext", clock(first.currentTime));
}

function moveTo(seconds) {
  for (const video of playable()) video.currentTime = Math.min(Math.max(seconds, 0), video.duration || seconds);
  show();
}

function stop() {
  for (const video of playable()) video.pause();
  moveTo(leader()?.currentTime ?? 0);
  play.textContent = "Play";
}

async function start() {
  const first = leader();
  if (!first) return;
  if (first.ended) moveTo(0);
  play.textContent = "Pause";
  await Promise.allSettled(playable().map((video) => video.play()));
}

function ready(video) {
  if (video.videoWidth === 0) {
    giveUp(video, "This browser plays the sound of this film, and not its picture: it does not know the codec. Download it to see it.");
    return;
  }
  controls.hidden = false;
  seek.max = Math.max(...playable().map((one) => one.duration || 0));
  show();
}

for (const video of videos) {
  const broken = () => giveUp(video, "This browser cannot play this file: it does not know its container or its codec. Download it to see it.");
  video.addEventListener("error", broken);
  video.addEventListener("loadedmetadata", () => ready(video));
  // Both may have happened before this script ran.
  if (video.error) broken();
  else if (video.readyState >= HTMLMediaElement.HAVE_METADATA) ready(video);
  video.addEventListener("timeupdate", () => {
    if (video !== leader()) return;
    show();
    for (const other of playable()) {
      const drift = other.currentTime - video.currentTime;
      if (other !== video && !other.ended && Math.abs(drift) > DRIFT_S) other.currentTime = video.currentTime;
    }
  });
  video.addEventListener("ended", () => {
    if (video === leader()) play.textContent = "Play";
  });
}

if (controls) {
  play.addEventListener("click", () => (leader()?.paused ? start() : stop()));
  back.addEventListener("click", () => (stop(), moveTo((leader()?.currentTime ?? 0) - FRAME_S)));
  forth.addEventListener("click", () => (stop(), moveTo((leader()?.currentTime ?? 0) + FRAME_S)));
  seek.addEventListener("input", () => moveTo(Number(seek.value)));
  sound.addEventListener("change", () => {
    for (const video of videos) video.muted = !video.src.includes(`/media/${sound.value || "none"}?`);
  });
}

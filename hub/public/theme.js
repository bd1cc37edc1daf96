// Sets the chosen theme before the first paint; without a choice the system's is used (src/lib/theme.ts).
try {
  const theme = localStorage.getItem("luna.theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is blocked: the system's theme it is.
}

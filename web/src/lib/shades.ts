import type { MantineColorsTuple } from "@mantine/core";

/** Ten shades, light to dark, around one colour (#rrggbb), which becomes the seventh. */
export function shades(color: string): MantineColorsTuple {
  const base = [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));
  const mix = (to: number, share: number) =>
    "#" + base.map((c) => Math.round(c + (to - c) * share).toString(16).padStart(2, "0")).join("");
  return [
    mix(255, 0.93), mix(255, 0.84), mix(255, 0.7), mix(255, 0.52), mix(255, 0.34),
    mix(255, 0.16), mix(0, 0), mix(0, 0.12), mix(0, 0.25), mix(0, 0.4),
  ];
}

const channels = (color: string) => [1, 3, 5].map((i) => parseInt(color.slice(i, i + 2), 16));

/** How much two colours (#rrggbb) differ in lightness, from 1 to 21 (WCAG 2.2, contrast ratio). */
export function contrast(a: string, b: string): number {
  const light = (color: string) => {
    const [r = 0, g = 0, b = 0] = channels(color).map((c) => (c / 255 <= 0.04045 ? c / 255 / 12.92 : ((c / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * r + 0.7152 * g + 0.0722 * b;
  };
  const [less = 0, more = 0] = [light(a), light(b)].sort((x, y) => x - y);
  return (more + 0.05) / (less + 0.05);
}

/** The colour, darkened or lightened as little as makes text of it readable on the ground. */
export function readable(color: string, ground: string): string {
  const to = contrast(ground, "#000000") > contrast(ground, "#ffffff") ? 0 : 255;
  for (let share = 0; share < 1; share += 0.05) {
    const mixed = "#" + channels(color).map((c) => Math.round(c + (to - c) * share).toString(16).padStart(2, "0")).join("");
    if (contrast(mixed, ground) >= 4.6) return mixed;
  }
  return to === 0 ? "#000000" : "#ffffff";
}

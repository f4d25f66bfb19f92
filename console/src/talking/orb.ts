/** The shape of the orb: rings that a voice makes tremble. Numbers only; Orb.vue draws them. */

export interface Ring {
  /** Of the half size of the picture. */
  radius: number
  alpha: number
  /** How far a loud voice moves it, of the half size. */
  reach: number
  waves: readonly [count: number, speed: number, share: number][]
}

export const RINGS: readonly Ring[] = [
  {
    radius: 0.72,
    alpha: 0.1,
    reach: 0.25,
    waves: [
      [3, 0.35, 0.6],
      [5, -0.55, 0.4],
    ],
  },
  {
    radius: 0.645,
    alpha: 0.16,
    reach: 0.18,
    waves: [
      [4, -0.45, 0.55],
      [7, 0.8, 0.45],
    ],
  },
  {
    radius: 0.57,
    alpha: 0.26,
    reach: 0.12,
    waves: [
      [3, 0.6, 0.5],
      [8, -1.1, 0.5],
    ],
  },
]
export const CORE = 0.5

const POINTS = 120

/** The outline of a ring at `seconds`, for a loudness between 0 and 1: pairs of x and y around 0. */
export function outline(
  ring: Ring,
  half: number,
  seconds: number,
  loud: number,
  breath: number,
): [number, number][] {
  return Array.from({ length: POINTS }, (_, at) => {
    const angle = (at / POINTS) * 2 * Math.PI
    const wave = ring.waves.reduce(
      (sum, [count, speed, share]) => sum + share * Math.sin(count * angle + speed * seconds * 2 * Math.PI),
      0,
    )
    const r = half * (ring.radius + breath + ring.reach * loud * (0.55 + 0.45 * wave) + 0.012 * wave)
    return [r * Math.cos(angle), r * Math.sin(angle)] as [number, number]
  })
}

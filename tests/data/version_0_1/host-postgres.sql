--
-- PostgreSQL database dump
--

SET statement_timeout = 0;
SET lock_timeout = 0;
SET idle_in_transaction_session_timeout = 0;
SET client_encoding = 'UTF8';
SET standard_conforming_strings = on;
SELECT pg_catalog.set_config('search_path', '', false);
SET check_function_bodies = false;
SET xmloption = content;
SET client_min_messages = warning;
SET row_security = off;

SET default_tablespace = '';

SET default_table_access_method = heap;

--
-- Name: alembic_version; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.alembic_version (
    version_num character varying(32) NOT NULL
);

--
-- Name: measurements; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.measurements (
    run_id bigint NOT NULL,
    step_number integer NOT NULL,
    number integer NOT NULL,
    name text NOT NULL,
    value_number double precision,
    value_text text,
    value_bool boolean,
    unit text NOT NULL,
    limit_min double precision,
    limit_max double precision,
    limit_equals text,
    limit_guard double precision,
    basis text,
    source text,
    verdict text,
    marginal boolean NOT NULL
);

--
-- Name: projection; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.projection (
    name text NOT NULL,
    run_id bigint NOT NULL
);

--
-- Name: quarantine; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.quarantine (
    id bigint NOT NULL,
    topic text NOT NULL,
    station text NOT NULL,
    record_id text NOT NULL,
    reason text NOT NULL,
    size bigint NOT NULL,
    sha256 text NOT NULL,
    payload bytea NOT NULL,
    times bigint NOT NULL,
    first_received_at text NOT NULL,
    last_received_at text NOT NULL,
    released_at text
);

--
-- Name: quarantine_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.quarantine_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: quarantine_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.quarantine_id_seq OWNED BY public.quarantine.id;

--
-- Name: runs; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.runs (
    id bigint NOT NULL,
    record_id text NOT NULL,
    station text NOT NULL,
    sequence bigint NOT NULL,
    slot text NOT NULL,
    operator text NOT NULL,
    asset_tag text NOT NULL,
    kind text NOT NULL,
    maker text NOT NULL,
    model text NOT NULL,
    serial_number text NOT NULL,
    year bigint,
    plan text NOT NULL,
    verdict text NOT NULL,
    marginal boolean NOT NULL,
    simulated boolean NOT NULL,
    started_at text NOT NULL,
    received_at text NOT NULL,
    duration_s double precision NOT NULL,
    sha256 text NOT NULL,
    record bytea NOT NULL
);

--
-- Name: runs_id_seq; Type: SEQUENCE; Schema: public; Owner: -
--

CREATE SEQUENCE public.runs_id_seq
    START WITH 1
    INCREMENT BY 1
    NO MINVALUE
    NO MAXVALUE
    CACHE 1;

--
-- Name: runs_id_seq; Type: SEQUENCE OWNED BY; Schema: public; Owner: -
--

ALTER SEQUENCE public.runs_id_seq OWNED BY public.runs.id;

--
-- Name: stations; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.stations (
    station text NOT NULL,
    online boolean NOT NULL,
    software text NOT NULL,
    waiting bigint NOT NULL,
    slots text NOT NULL,
    received_at text NOT NULL
);

--
-- Name: steps; Type: TABLE; Schema: public; Owner: -
--

CREATE TABLE public.steps (
    run_id bigint NOT NULL,
    number integer NOT NULL,
    step text NOT NULL,
    title text NOT NULL,
    verdict text NOT NULL,
    started_at text NOT NULL,
    duration_s double precision NOT NULL,
    clause text NOT NULL,
    reason text NOT NULL
);

--
-- Name: quarantine id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quarantine ALTER COLUMN id SET DEFAULT nextval('public.quarantine_id_seq'::regclass);

--
-- Name: runs id; Type: DEFAULT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs ALTER COLUMN id SET DEFAULT nextval('public.runs_id_seq'::regclass);

--
-- Data for Name: alembic_version; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.alembic_version VALUES ('0002');

--
-- Data for Name: measurements; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.measurements VALUES (3, 1, 0, 'no_load_voltage', 0, NULL, NULL, 'V', 19, NULL, NULL, 0, 'general', '', 'fail', false);
INSERT INTO public.measurements VALUES (3, 1, 1, 'no_load_deviation', -100, NULL, NULL, '%', NULL, NULL, NULL, NULL, NULL, NULL, NULL, false);

--
-- Data for Name: projection; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.projection VALUES ('measurements', 3);

--
-- Data for Name: quarantine; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.quarantine VALUES (1, 'pace/1/demo/run', 'demo', '', 'not a record: JSON is malformed: invalid character (byte 4)', 17, '02bcf010d680feda31a714bbe0319c342e5a14f0d42f7f254d5bd83d723dc736', '\x74686973206973206e6f207265636f7264', 1, '2026-11-29T18:18:28.266953Z', '2026-11-29T18:18:28.266953Z', NULL);

--
-- Data for Name: runs; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.runs VALUES (1, '01a22886-be85-792b-b34e-5cb196a6e68d', 'demo', 2, 'display-1', 'demo operator', 'D-0002', 'LCD monitor', '', '', '', NULL, 'lcd-monitor', 'aborted', false, true, '2026-11-29T18:17:28.965300Z', '2026-11-29T18:18:28.266953Z', 0, '5d19995c27c5e1a1edb097b2c171befa7650d7b17a11dee61568c97b62d5c9fd', '\x7b22736368656d61223a22706163652e72756e2f31222c227265636f72645f6964223a2230316132323838362d626538352d373932622d623334652d356362313936613665363864222c2273657175656e6365223a322c2273746174696f6e223a2264656d6f222c22736c6f74223a22646973706c61792d31222c226f70657261746f72223a2264656d6f206f70657261746f72222c22646576696365223a7b2261737365745f746167223a22442d30303032222c226b696e64223a224c4344206d6f6e69746f72227d2c22706c616e223a226c63642d6d6f6e69746f72222c22706c616e5f736861323536223a2231353036346333313530373530623334396564303162646634316333613265353535633339653163313731303531343131373033663230333165653236383832222c2267756964656c696e65223a22706163652d73746174696f6e206b65792066756e6374696f6e732c20323032362d3131222c22696e737472756d656e7473223a5b5d2c22736f667477617265223a22706163652d73746174696f6e20302e312e30222c22636c6f636b5f73796e6368726f6e69736564223a66616c73652c2273696d756c61746564223a747275652c22737461727465645f6174223a22323032362d31312d32395431383a31373a32382e3936353330305a222c226475726174696f6e5f73223a302e302c227374657073223a5b7b2273746570223a2262656e63682e6d616b655f73616665222c227469746c65223a224d616b652073616665222c2276657264696374223a2261626f72746564222c22737461727465645f6174223a22323032362d31312d32395431383a31373a33312e3831323331305a222c22726561736f6e223a2262726f6b656e206f66663a207468652073746174696f6e206c6f737420706f776572206f7220776173206b696c6c6564227d5d2c2276657264696374223a2261626f72746564227d');
INSERT INTO public.runs VALUES (2, '01a22887-4fbb-714b-99a2-78deb48d6a0a', 'bare', 1, 'adapter-1', '', 'A-6001', 'laptop adapter', '', '', '', NULL, 'laptop-adapter-65w', 'error', false, false, '2026-11-29T18:18:06.139831Z', '2026-11-29T18:18:28.266953Z', 0.017, '6be6905573821df6ff5f8306c781d2e866c1ab505a348b9306c29aa2101956cc', '\x7b22736368656d61223a22706163652e72756e2f31222c227265636f72645f6964223a2230316132323838372d346662622d373134622d393961322d373864656234386436613061222c2273657175656e6365223a312c2273746174696f6e223a2262617265222c22736c6f74223a22616461707465722d31222c226f70657261746f72223a22222c22646576696365223a7b2261737365745f746167223a22412d36303031222c226b696e64223a226c6170746f702061646170746572227d2c22706c616e223a226c6170746f702d616461707465722d363577222c22706c616e5f736861323536223a2237623135613937366434306539643630363135393664356338646332376266306432333664393564613231356430386436323862386234616165373537336363222c2267756964656c696e65223a22706163652d73746174696f6e206b65792066756e6374696f6e732c20323032362d3131222c22696e737472756d656e7473223a5b5d2c22736f667477617265223a22706163652d73746174696f6e20302e312e30222c22636c6f636b5f73796e6368726f6e69736564223a66616c73652c2273696d756c61746564223a66616c73652c22737461727465645f6174223a22323032362d31312d32395431383a31383a30362e3133393833315a222c226475726174696f6e5f73223a302e3031372c227374657073223a5b7b2273746570223a2262656e63682e6f70656e222c227469746c65223a2242656e6368207265616479222c2276657264696374223a226572726f72222c22737461727465645f6174223a22323032362d31312d32395431383a31383a30362e3134313030305a222c226475726174696f6e5f73223a302e3031372c22726561736f6e223a2264635f6d657465723a202f6465762f6932632d3235303a206e6f2073756368206275733a206f6e20612052617370626572727920506920737769746368206974206f6e20776974682072617370692d636f6e66696720286f72206474706172616d3d6932635f61726d3d6f6e2920616e64206c6f6164206932632d646576227d2c7b2273746570223a2262656e63682e6d616b655f73616665222c227469746c65223a224d616b652073616665222c2276657264696374223a2270617373222c22737461727465645f6174223a22323032362d31312d32395431383a31383a30362e3135373832325a222c226475726174696f6e5f73223a302e307d5d2c2276657264696374223a226572726f72227d');
INSERT INTO public.runs VALUES (3, '01a22887-6784-7a3b-a40f-f76210351607', 'workshop', 4, 'adapter-1', 'Łucja Ångström · 検査員', 'Ä-5004', 'laptop adapter', '', '', '', NULL, 'adapter-quick', 'fail', false, true, '2026-11-29T18:18:12.228843Z', '2026-11-29T18:18:28.266953Z', 7.148, '237098e648ed5000a421bfaeefdfd0e361fab0d7932c64642519ca561e2e9ef7', '\x7b22736368656d61223a22706163652e72756e2f31222c227265636f72645f6964223a2230316132323838372d363738342d376133622d613430662d663736323130333531363037222c2273657175656e6365223a342c2273746174696f6e223a22776f726b73686f70222c22736c6f74223a22616461707465722d31222c226f70657261746f72223a22c58175636a6120c3856e67737472c3b66d20c2b720e6a49ce69fbbe593a1222c22646576696365223a7b2261737365745f746167223a22c3842d35303034222c226b696e64223a226c6170746f702061646170746572227d2c22706c616e223a22616461707465722d717569636b222c22706c616e5f736861323536223a2263353833613061623633613237303163663562373961393039373439383763376139666434653365613736396633353538616562393862623962623336373535222c2267756964656c696e65223a2274686520776f726b73686f702773206f776e3a20e289a5203139205620697320676f6f6420656e6f756768222c22696e737472756d656e7473223a5b7b22726f6c65223a2264635f6d65746572222c22647269766572223a22696e61323238222c226d616b6572223a22546578617320496e737472756d656e7473222c226d6f64656c223a22494e41323238222c226669726d77617265223a227265766973696f6e2031222c2263616c696272617465645f756e74696c223a22323032372d30332d3331227d2c7b22726f6c65223a226c6f6164222c22647269766572223a22697438353030222c226d616b6572223a224954454348222c226d6f64656c223a2238353132222c2273657269616c5f6e756d626572223a2230313233343536373839222c226669726d77617265223a22322e3033222c2263616c696272617465645f756e74696c223a22323032372d30332d3331227d5d2c22736f667477617265223a22706163652d73746174696f6e20302e312e30222c22636c6f636b5f73796e6368726f6e69736564223a66616c73652c2273696d756c61746564223a747275652c22737461727465645f6174223a22323032362d31312d32395431383a31383a31322e3232383834335a222c226475726174696f6e5f73223a372e3134382c227374657073223a5b7b2273746570223a2262656e63682e6f70656e222c227469746c65223a2242656e6368207265616479222c2276657264696374223a2270617373222c22737461727465645f6174223a22323032362d31312d32395431383a31383a31322e3233313230305a222c226475726174696f6e5f73223a302e307d2c7b2273746570223a22616461707465722e6e6f5f6c6f6164222c227469746c65223a224c6565726c6175667370616e6e756e67222c2276657264696374223a226661696c222c22737461727465645f6174223a22323032362d31312d32395431383a31383a31322e3233313732355a222c226475726174696f6e5f73223a372e3134382c226d6561737572656d656e7473223a5b7b226e616d65223a226e6f5f6c6f61645f766f6c74616765222c2276616c7565223a302e302c22756e6974223a2256222c226c696d6974223a7b226261736973223a2267656e6572616c222c22756e6974223a2256222c226d696e223a31392e307d2c2276657264696374223a226661696c227d2c7b226e616d65223a226e6f5f6c6f61645f646576696174696f6e222c2276616c7565223a2d3130302e302c22756e6974223a2225227d5d7d2c7b2273746570223a2262656e63682e6d616b655f73616665222c227469746c65223a224d616b652073616665222c2276657264696374223a2270617373222c22737461727465645f6174223a22323032362d31312d32395431383a31383a31322e3233323931385a222c226475726174696f6e5f73223a302e307d5d2c2276657264696374223a226661696c227d');

--
-- Data for Name: stations; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.stations VALUES ('demo', true, 'pace-station 0.1.0', 0, '[{"slot":"adapter-1","asset_tag":"A-1010","plan":"laptop-adapter-45w","verdict":"fail"},{"slot":"display-1","asset_tag":"D-2101","plan":"lcd-monitor","verdict":"pass"},{"slot":"display-2","asset_tag":"D-2102","plan":"lcd-monitor","verdict":"pass"},{"slot":"keyboard-1","asset_tag":"K-3009","plan":"usb-keyboard","step":"Answers as a keyboard"}]', '2026-11-29T18:18:28.266953Z');

--
-- Data for Name: steps; Type: TABLE DATA; Schema: public; Owner: -
--

INSERT INTO public.steps VALUES (1, 0, 'bench.make_safe', 'Make safe', 'aborted', '2026-11-29T18:17:31.812310Z', 0, '', 'broken off: the station lost power or was killed');
INSERT INTO public.steps VALUES (2, 0, 'bench.open', 'Bench ready', 'error', '2026-11-29T18:18:06.141000Z', 0.017, '', 'dc_meter: /dev/i2c-250: no such bus: on a Raspberry Pi switch it on with raspi-config (or dtparam=i2c_arm=on) and load i2c-dev');
INSERT INTO public.steps VALUES (2, 1, 'bench.make_safe', 'Make safe', 'pass', '2026-11-29T18:18:06.157822Z', 0, '', '');
INSERT INTO public.steps VALUES (3, 0, 'bench.open', 'Bench ready', 'pass', '2026-11-29T18:18:12.231200Z', 0, '', '');
INSERT INTO public.steps VALUES (3, 1, 'adapter.no_load', 'Leerlaufspannung', 'fail', '2026-11-29T18:18:12.231725Z', 7.148, '', '');
INSERT INTO public.steps VALUES (3, 2, 'bench.make_safe', 'Make safe', 'pass', '2026-11-29T18:18:12.232918Z', 0, '', '');

--
-- Name: quarantine_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.quarantine_id_seq', 1, true);

--
-- Name: runs_id_seq; Type: SEQUENCE SET; Schema: public; Owner: -
--

SELECT pg_catalog.setval('public.runs_id_seq', 3, true);

--
-- Name: alembic_version alembic_version_pkc; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.alembic_version
    ADD CONSTRAINT alembic_version_pkc PRIMARY KEY (version_num);

--
-- Name: measurements measurements_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.measurements
    ADD CONSTRAINT measurements_pkey PRIMARY KEY (run_id, step_number, number);

--
-- Name: projection projection_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.projection
    ADD CONSTRAINT projection_pkey PRIMARY KEY (name);

--
-- Name: quarantine quarantine_message; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_message UNIQUE (sha256, topic);

--
-- Name: quarantine quarantine_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.quarantine
    ADD CONSTRAINT quarantine_pkey PRIMARY KEY (id);

--
-- Name: runs runs_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_pkey PRIMARY KEY (id);

--
-- Name: runs runs_record_id; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.runs
    ADD CONSTRAINT runs_record_id UNIQUE (record_id);

--
-- Name: stations stations_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.stations
    ADD CONSTRAINT stations_pkey PRIMARY KEY (station);

--
-- Name: steps steps_pkey; Type: CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_pkey PRIMARY KEY (run_id, number);

--
-- Name: runs_asset_tag; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_asset_tag ON public.runs USING btree (asset_tag, id);

--
-- Name: runs_station; Type: INDEX; Schema: public; Owner: -
--

CREATE INDEX runs_station ON public.runs USING btree (station, id);

--
-- Name: measurements measurements_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.measurements
    ADD CONSTRAINT measurements_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);

--
-- Name: steps steps_run_id; Type: FK CONSTRAINT; Schema: public; Owner: -
--

ALTER TABLE ONLY public.steps
    ADD CONSTRAINT steps_run_id FOREIGN KEY (run_id) REFERENCES public.runs(id);

--
-- PostgreSQL database dump complete
--
